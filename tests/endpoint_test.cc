#include "gateway/endpoint.h"

#include <doctest/doctest.h>

#include "gateway/host_port.h"

namespace sluice {
namespace {

TEST_CASE("endpoint: an address is taken apart, and the port is told only where it is not the scheme's own") {
  struct Good {
    const char* url;
    const char* host;
    const char* again;
    bool loopback;
  };
  for (const Good& good : {Good{"https://kinesis.eu-central-1.amazonaws.com", "kinesis.eu-central-1.amazonaws.com",
                                "https://kinesis.eu-central-1.amazonaws.com", false},
                           {"https://h:443", "h", "https://h", false},
                           {"http://h:443", "h", "http://h:443", false},
                           {"http://h:80/a/b", "h", "http://h/a/b", false},
                           {"http://127.0.0.1:4567", "127.0.0.1", "http://127.0.0.1:4567", true},
                           {"http://localhost/", "localhost", "http://localhost/", true},
                           {"http://[::1]:80", "::1", "http://[::1]", true},
                           {"http://[fe80::1]:8080", "fe80::1", "http://[fe80::1]:8080", false},
                           {"http://127.0.0.1.example.com", "127.0.0.1.example.com", "http://127.0.0.1.example.com", false}}) {
    const Result<Endpoint> endpoint = Endpoint::Parse(good.url);
    REQUIRE_MESSAGE(endpoint, good.url);
    CHECK(endpoint->host == good.host);
    CHECK(endpoint->Url() == good.again);
    CHECK_MESSAGE(endpoint->IsLoopback() == good.loopback, good.url);
  }
}

TEST_CASE("host and port: brackets are for IPv6 addresses, and for all of them") {
  for (const char* good : {"h", "h:1", "h:65535", "[::1]", "[::1]:8883"}) {
    const std::optional<HostPort> where = HostPort::Parse(good);
    REQUIRE_MESSAGE(where, good);
    CHECK(HostInUrl(where->host) + (where->port != 0 ? ":" + std::to_string(where->port) : "") == good);
  }
  for (const char* bad : {"", ":1", "h:", "h:0", "h:65536", "h:1x", "::1", "::1:80", "[h]", "[]", "[::1", "[::1]1"}) {
    CHECK_MESSAGE(!HostPort::Parse(bad), bad);
  }
}

TEST_CASE("endpoint: what is no plain address is refused") {
  for (const char* bad :
       {"", "h", "ftp://h", "https://", "https://:443", "https://h:", "https://h:0", "https://h:65536", "https://h:4a", "https://u@h",
        "https://h?x", "https://h/?x", "https://h/#x", "https://h h", "https://[::1", "https://[]", "https://[::1]x", "https://h\n"}) {
    CHECK_MESSAGE(!Endpoint::Parse(bad), bad);
  }
}

}  // namespace
}  // namespace sluice
