//! The address of a running server, from `--url`.

use reqwest::Url;
use std::fmt;
use std::net::IpAddr;

/// Environment variables that name a proxy for `http://`.
const PROXIES: [&str; 4] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];

/// `http://host[:port][/path]`.
#[derive(Debug, Clone)]
pub struct ServerUrl(Url);

impl ServerUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it, and the right form.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = match Url::parse(text) {
            Ok(url) if url.scheme() == "http" => url,
            Ok(url) if url.scheme() == "https" => {
                return Err("https:// is not spoken; name the server itself by http://".to_owned());
            }
            Ok(_) | Err(_) if !text.contains("://") => {
                return Err("it has no scheme: write http:// in front of it".to_owned());
            }
            Ok(_) => return Err("it must begin with http://".to_owned()),
            Err(error) => return Err(format!("{error}; write http://host:port")),
        };
        if url.query().is_some() || url.fragment().is_some() {
            return Err("it ends with `?` or `#`; write http://host:port".to_owned());
        }
        Ok(Self(url))
    }

    /// The address of one of its routes.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0.as_str().trim_end_matches('/'))
    }

    /// Whether the server is on this machine.
    pub fn is_here(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(address) => {
                let address = address.to_canonical();
                address.is_loopback() || address.is_unspecified()
            }
            Err(_) => {
                let host = host.trim_end_matches('.');
                host == "localhost" || host.ends_with(".localhost")
            }
        }
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&server::telemetry::masked(self.0.as_str().trim_end_matches('/')))
    }
}

/// The environment variable that names a proxy for servers elsewhere, if it is set.
pub fn proxy_variable() -> Option<&'static str> {
    let named = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    PROXIES.into_iter().find(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_with_its_path_and_refused_by_what_is_wrong_with_it() {
        for (text, import) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/import"),
            ("HTTP://shop.example/", "http://shop.example/v1/import"),
            ("http://shop.example/orders/", "http://shop.example/orders/v1/import"),
        ] {
            assert_eq!(ServerUrl::parse(text).unwrap().at("/v1/import"), import);
        }
        for (text, why) in [
            ("127.0.0.1:8080", "no scheme"),
            ("localhost:8080", "no scheme"),
            ("shop.example", "no scheme"),
            ("[::1]:8080", "no scheme"),
            ("", "no scheme"),
            ("https://shop.example", "https"),
            ("ftp://shop.example", "http://"),
            ("sqlite://events.db", "http://"),
            ("http://", "host"),
            ("http://shop.example:99999", "port"),
            ("http://shop.example?a=b", "`?`"),
        ] {
            let refused = ServerUrl::parse(text).unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }

    #[test]
    fn a_server_is_here_by_each_name_of_this_machine() {
        for (url, here) in [
            ("http://127.0.0.1:8080", true),
            ("http://127.9.9.9", true),
            ("http://127.1", true),
            ("http://[::1]:8080", true),
            ("http://[::ffff:127.0.0.1]", true),
            ("http://0.0.0.0:8080", true),
            ("http://LOCALHOST:8080", true),
            ("http://shop.localhost.", true),
            ("http://localhost.example", false),
            ("http://192.168.1.2", false),
            ("http://shop.example", false),
        ] {
            assert_eq!(ServerUrl::parse(url).unwrap().is_here(), here, "{url}");
        }
    }
}
