#include "drivers/connect_request.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <strings.h>

#include <charconv>
#include <utility>

#include "drivers/base64.h"
#include "gateway/host_port.h"

namespace sluice {
namespace {

std::optional<std::string> DecodeBase64(std::string_view text) {
  std::string out(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  // The decoder counts padding as zero bytes.
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

std::optional<std::string_view> FindHeader(std::string_view head, std::string_view name) {
  for (std::size_t start = head.find("\r\n"); start != std::string_view::npos;) {
    start += 2;
    const std::size_t end = head.find("\r\n", start);
    const std::string_view line = head.substr(start, end - start);
    const std::size_t colon = line.find(':');
    if (colon == name.size() && strncasecmp(line.data(), name.data(), name.size()) == 0) {
      std::string_view value = line.substr(colon + 1);
      while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
      return value;
    }
    start = end;
  }
  return std::nullopt;
}

}  // namespace

std::size_t FindHeadEnd(std::string_view text) {
  const std::size_t end = text.find("\r\n\r\n");
  return end == std::string_view::npos ? end : end + 4;
}

Result<ConnectRequest> ParseConnectRequest(std::string_view head) {
  constexpr std::string_view kMethod = "CONNECT ";
  constexpr std::string_view kScheme = "Basic ";
  if (!head.starts_with(kMethod)) return Fail(ErrorCode::kInvalid, "not a CONNECT request");
  ConnectRequest request;
  const std::string_view line = head.substr(kMethod.size(), head.find("\r\n") - kMethod.size());
  request.target = line.substr(0, line.find(' '));
  const auto authorization = FindHeader(head, "Proxy-Authorization");
  if (!authorization || !authorization->starts_with(kScheme)) return Fail(ErrorCode::kInvalid, "no Basic credentials");
  const auto credentials = DecodeBase64(authorization->substr(kScheme.size()));
  if (!credentials) return Fail(ErrorCode::kInvalid, "credentials are not base64");
  const std::size_t colon = credentials->find(':');
  if (colon == std::string::npos) return Fail(ErrorCode::kInvalid, "credentials without a colon");
  request.user = credentials->substr(0, colon);
  request.password = credentials->substr(colon + 1);
  return request;
}

std::string FormatConnectRequest(const ConnectRequest& request) {
  std::string head = "CONNECT " + request.target + " HTTP/1.1\r\nHost: " + request.target + "\r\n";
  if (!request.user.empty()) {
    head += "Proxy-Authorization: Basic ";
    AppendBase64(request.user + ":" + request.password, head);
    head += "\r\n";
  }
  return head + "\r\n";
}

Result<int> ParseStatus(std::string_view head) {
  int status = 0;
  if (!head.starts_with("HTTP/1.") || head.size() < 12) return Fail(ErrorCode::kInvalid, "the proxy did not answer in HTTP/1.x");
  const auto parsed = std::from_chars(head.data() + 9, head.data() + 12, status);
  if (parsed.ec != std::errc() || status < 100) return Fail(ErrorCode::kInvalid, "the proxy answered without a status");
  return status;
}

Result<ProxyUrl> ParseProxyUrl(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  constexpr const char* kExpected = "a proxy is written http://[user:password@]host:port";
  if (!url.starts_with(kScheme)) return Fail(ErrorCode::kInvalid, kExpected);
  url.remove_prefix(kScheme.size());
  if (url.ends_with('/')) url.remove_suffix(1);
  ProxyUrl result;
  if (const std::size_t at = url.rfind('@'); at != std::string_view::npos) {
    const std::string_view credentials = url.substr(0, at);
    const std::size_t colon = credentials.find(':');
    result.user = credentials.substr(0, colon);
    if (colon != std::string_view::npos) result.password = credentials.substr(colon + 1);
    url.remove_prefix(at + 1);
  }
  std::optional<HostPort> where = HostPort::Parse(url);
  if (!where || where->port == 0) return Fail(ErrorCode::kInvalid, kExpected);
  result.host = std::move(where->host);
  result.port = where->port;
  return result;
}

bool SecretsAreEqual(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace sluice
