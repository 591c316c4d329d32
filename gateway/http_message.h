// A request over HTTP and a reply to it, as plain values.
//
// Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace sluice {

struct HttpRequest {
  std::string method;
  std::string path;  ///< Decoded, without the query.
  std::vector<std::pair<std::string, std::string>> query;
  std::string host;           ///< The header, as it came.
  std::string authorization;  ///< Likewise.
  std::string body;
  bool over_tcp = true;  ///< False: over the Unix socket.
  std::string own_ip;    ///< Over TCP: our address that the client connected to.
};

struct HttpReply {
  unsigned status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body = {};
  std::string allow = {};  ///< With 405: the methods that there are.
  bool challenge = false;  ///< With 401.
};

inline constexpr const char* kJsonType = "application/json";

/// {"error": reason}
HttpReply ErrorReply(unsigned status, const std::string& reason);

}  // namespace sluice
