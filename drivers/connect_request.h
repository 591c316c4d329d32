// HTTP CONNECT, both sides: the request that an MQTT client makes of the ack gate, and the one that the gate makes of an operator's proxy.
// Source: RFC 9110, sections 9.3.6 (CONNECT) and 11 (Basic: RFC 7617).
//
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/result.h"

namespace sluice {

struct ConnectRequest {
  std::string target;  ///< host:port
  std::string user;
  std::string password;
};

/// A head larger than this is refused.
constexpr std::size_t kMaxHttpHead = 8 * 1024;

/// End of the head (past the empty line) in `text`, or npos.
std::size_t FindHeadEnd(std::string_view text);

/// `head`: complete, with its empty line. kInvalid if it is not a CONNECT with Basic credentials.
Result<ConnectRequest> ParseConnectRequest(std::string_view head);
std::string FormatConnectRequest(const ConnectRequest& request);

/// Status of an answer's head; kInvalid if it is none.
Result<int> ParseStatus(std::string_view head);

/// "http://[user:password@]host:port" in parts. kInvalid if it is something else.
struct ProxyUrl {
  std::string host;
  std::uint16_t port = 0;
  std::string user;
  std::string password;
};
Result<ProxyUrl> ParseProxyUrl(std::string_view url);

/// Takes the same time wherever the difference is.
bool SecretsAreEqual(std::string_view a, std::string_view b);

}  // namespace sluice
