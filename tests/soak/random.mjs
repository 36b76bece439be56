// Chance that can be repeated: xorshift32.
export function random(seed) {
  let state = seed >>> 0 || 1
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
  const below = n => Math.floor(next() * n)
  return { below, pick: list => list[below(list.length)], bag: list => bag(list, below) }
}

/** Draws from a list by chance, each once before any comes again. */
function bag(list, below) {
  let left = []
  return () => {
    if (left.length === 0) left = [...list]
    return left.splice(below(left.length), 1)[0]
  }
}
