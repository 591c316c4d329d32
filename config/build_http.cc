#include "config/build_http.h"

#include <algorithm>
#include <string>

#include "gateway/http_address.h"

namespace sluice {
namespace {

constexpr std::size_t kLeastToken = 16;

void CheckListen(ObjectReader& reader, const HttpConfig& http) {
  const Result<HttpAddress> address = HttpAddress::Parse(http.listen);
  if (!address) return reader.Complain("listen", "`" + http.listen + "`: " + address.error().message);
  if (address->IsLocal() || !http.token.empty()) return;
  reader.Warn("listen", "`" + http.listen +
                            "` can be reached from other machines, and whoever does may read metrics and status, in clear; listen on "
                            "127.0.0.1 or on a Unix socket, or set `http.token` to say that it is meant");
}

void CheckToken(ObjectReader& reader, const std::string& token) {
  const bool plain = std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (!plain) return reader.Complain("token", "a token is sent in a header: it has printable ASCII characters only, and no space");
  if (token.size() < kLeastToken)
    reader.Complain("token", "a token has at least " + std::to_string(kLeastToken) + " characters; `openssl rand -hex 24` makes one");
}

// As clients write it in the header `Host`, without the port.
bool IsHostName(const std::string& name) {
  return !name.empty() && name.find_first_of(" /:@[]") == std::string::npos;
}

}  // namespace

void ReadHttp(ObjectReader& root, std::optional<HttpConfig>& http) {
  root.Object("http", [&](ObjectReader& reader) {
    HttpConfig& read = http.emplace();
    const Findings& findings = reader.findings();
    reader.String("listen", read.listen);
    reader.Secret("token", read.token);
    reader.Strings("hosts", read.hosts);
    if (!findings.IsUnknown(read.listen)) CheckListen(reader, read);
    const bool given = reader.Find("token") != nullptr;
    if (given && !findings.IsUnknown(read.token)) CheckToken(reader, read.token);
    for (const std::string& host : read.hosts) {
      if (!findings.IsUnknown(host) && !IsHostName(host))
        reader.Complain("hosts", "`" + host + "`: a name, or an IPv4 address, by which clients call this gateway, without a port");
    }
  });
}

}  // namespace sluice
