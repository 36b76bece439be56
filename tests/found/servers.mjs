// What the folders of install.sh are, and what has to be found in them.

/**
 * `by`: what took it and the command, as `mcp-proxy check` says. `at`: where it listens, if it turns
 * out to speak HTTP: at one of the ports it may be given, or at its own.
 * `env`: what its user wrote into `.env`. SECRET stands for a value of its own, that no other server may see; WORK for a
 * folder of this run, REPOSITORY for one of git in there. `set`: what its way of starting sets.
 * `call`: a tool that needs nothing from outside. `answer`: what its text has to say.
 */
export const served = {
  everything: { by: /package\.json bin: node dist/, call: ['get-sum', { a: 20, b: 22 }], answer: /42/ },
  memory: {
    by: /bin of @modelcontextprotocol\/server-memory: node/,
    env: { MEMORY_FILE_PATH: 'WORK/memory.jsonl' },
    call: ['read_graph', {}],
    answer: /entities/,
  },
  files: {
    by: /\.mcp\.json entry files: node/,
    call: ['read_text_file', { path: 'note.txt' }],
    answer: /Found by the folder alone/,
  },
  thinking: {
    by: /manifest\.json: node/,
    set: { DISABLE_THOUGHT_LOGGING: 'true' },
    call: ['sequentialthinking', { thought: '?', thoughtNumber: 1, totalThoughts: 1, nextThoughtNeeded: false }],
    answer: /thoughtHistoryLength/,
  },
  reddit: {
    by: /package\.json bin: node dist\/cli/,
    call: ['reddit_explain', { term: 'AMA' }],
    answer: /Ask Me Anything/,
  },
  repository: {
    by: /package\.json bin: node/,
    call: ['git_log', { path: 'REPOSITORY' }],
    answer: /the only commit/,
  },
  calendar: { by: /bin of time-mcp: node/, call: ['days_in_month', { date: '2024-02-01' }], answer: /29/ },
  brave: {
    by: /bin of @brave\/brave-search-mcp-server: node/,
    env: { BRAVE_API_KEY: 'SECRET' },
    call: ['brave_web_search', { query: 'mcp' }],
    answer: /failed|token|key/i, // without the network its own error, with it the service's, which does not know the key
  },
  context7: {
    by: /package\.json scripts\.start: /,
    at: /:3000\/mcp$/,
    env: { CONTEXT7_API_KEY: 'SECRET' },
    call: ['resolve-library-id', { query: 'routing', libraryName: 'react' }],
    answer: /librar|key/i, // as above
  },
  figma: {
    by: /package\.json bin: node/,
    at: /:30\d\d\/mcp$/,
    env: { FIGMA_API_KEY: 'SECRET', DO_NOT_TRACK: '1' },
    call: ['get_figma_data', { fileKey: 'abc' }],
    answer: /fetching file/, // as above
  },
  app: {
    by: /bin of @modelcontextprotocol\/server-basic-vanillajs: node/,
    at: /:30\d\d\/mcp$/,
    call: ['get-time', {}],
    answer: /\d{4}-\d\d-\d\dT/,
  },
  time: {
    by: /\.venv\/bin\/mcp-server-time$/,
    call: ['convert_time', { source_timezone: 'UTC', time: '12:00', target_timezone: 'Asia/Tokyo' }],
    answer: /T21:00:00\+09:00/,
  },
  git: {
    by: /pyproject\.toml scripts: .*\.venv/,
    call: ['git_log', { repo_path: 'REPOSITORY' }],
    answer: /the only commit/,
  },
  sqlite: {
    by: /pyproject\.toml scripts: .*\.venv/,
    call: ['read_query', { query: 'SELECT 6 * 7 AS n' }],
    answer: /42/,
  },
  excel: {
    by: /\.venv\/bin\/excel-mcp-server$/,
    call: ['create_workbook', { path: 'WORK/book.xlsx', overwrite: true }],
    answer: /book\.xlsx/,
  },
  search: {
    by: /pyproject\.toml scripts: .*python \.venv/,
    set: { PYTHONPATH: 'src' },
    call: ['expand_link', { token: 'none' }],
    answer: /Unknown link reference/,
  },
  shell: {
    by: /pyproject\.toml scripts: uv run/,
    env: { ALLOW_COMMANDS: 'echo' },
    // Its first start makes a .venv, which is found from then on: another way to start it, to be got to know.
    changes: true,
    call: ['shell_execute', { command: ['echo', 'as told'], directory: 'REPOSITORY' }],
    answer: /as told/,
  },
  arxiv: { by: /pyproject\.toml scripts: .*\.venv/, call: ['list_papers', {}], answer: /total_papers/ },
  old: {
    by: /main\.py: .*\.venv\/bin\/python main\.py/,
    at: /:30\d\d\/sse$/,
    call: ['double', { number: 21 }],
    answer: /42/,
  },
  either: { by: /either\.py: uv run --script/, at: /:30\d\d\/mcp$/, call: ['half', { number: 84 }], answer: /42/ },
  zone: {
    by: /servers\/zone: /,
    alone: true, // a file, with no folder to hold a .env
    call: ['convert_timezone', { time: '2026-01-01T12:00:00Z', input_timezone: 'UTC', output_timezone: 'Asia/Tokyo' }],
    answer: /21:00/,
  },
  cron: { by: /bin\/mcp-cron: /, at: /:8080\/mcp$/, call: ['list_tasks', {}], answer: /^\[\]$/ },
  cortex: {
    by: /cortex-mcp: /,
    call: ['convert_timezone', { datetime: '2026-01-01T12:00:00Z', target_timezone: 'Asia/Tokyo' }],
    answer: /21:00/,
  },
  hello: { by: /hello\.sh: /, call: ['greet', { name: 'Zoë' }], answer: /Hello, Zoë!/ },
}

/** Folders without a server that could be started: what `mcp-proxy check` has to say of each. */
export const leftOut = {
  documents: /not a server/,
  submodule: /git submodule update --init/,
  unbuilt: /dist\/index\.js.*npm install && npm run build/,
}

/** Folders with a program that never says a word: more than are started at once. */
export const hanging = [1, 2, 3, 4, 5].map(n => `hang-${n}`)

/** Folders whose start fails: what has to be said of it. */
export const failing = {
  library: /before it spoke MCP/,
  keyless: /BRAVE_API_KEY/,
  slack: /SLACK_MCP_XOXP_TOKEN/,
}

/** Where context7 (and its metrics) and cron listen, whatever port they are given. */
export const fixedPorts = [3000, 9464, 8080]
