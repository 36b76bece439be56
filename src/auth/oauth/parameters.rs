//! Parameters of OAuth requests, from a query or a form. Pure.

use std::collections::BTreeMap;

/// Names and values, each name once (OAuth 2.1, 3.1: none may come twice). An empty value counts as none.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads `application/x-www-form-urlencoded`.
    ///
    /// # Errors
    /// The name that comes twice.
    pub fn read(text: &[u8]) -> Result<Parameters, String> {
        let mut all = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(text).filter(|(_, value)| !value.is_empty()) {
            if all.insert(name.to_string(), value.to_string()).is_some() {
                return Err(name.into_owned());
            }
        }
        Ok(Parameters(all))
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// `uri` with these parameters added to its query.
pub fn with_query(uri: &str, parameters: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{uri}{}{query}", if uri.contains('?') { '&' } else { '?' })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_comes_once() {
        let read = Parameters::read(b"a=1&b=%26+%3D&c=").unwrap();
        assert_eq!((read.get("a"), read.get("b"), read.get("c")), (Some("1"), Some("& ="), None));
        assert_eq!(Parameters::read(b"a=1&b=2&a=1"), Err("a".to_string()));
    }

    #[test]
    fn a_query_is_added_to_one_that_is_there() {
        assert_eq!(with_query("http://a/b", &[("c", "d e&")]), "http://a/b?c=d+e%26");
        assert_eq!(with_query("http://a/b?x=1", &[("c", "d")]), "http://a/b?x=1&c=d");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Parameters::read(&bytes);
        }

        #[test]
        fn what_is_written_is_read(value in "\\PC+") {
            let uri = with_query("http://a/", &[("state", &value)]);
            let read = Parameters::read(uri.split_once('?').unwrap().1.as_bytes()).unwrap();
            prop_assert_eq!(read.get("state"), Some(value.as_str()));
        }
    }
}
