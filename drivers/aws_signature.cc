#include "drivers/aws_signature.h"

#include <algorithm>
#include <cctype>
#include <ctime>
#include <utility>

#include "drivers/sha256.h"

namespace sluice {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string Timestamp(WallTime now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(now));
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[17];
  std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc);
  return text;
}

std::string Encoded(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

std::string CanonicalQuery(const std::vector<Property>& query) {
  std::vector<std::pair<std::string, std::string>> encoded;
  for (const Property& one : query) encoded.emplace_back(Encoded(one.name), Encoded(one.value));
  std::sort(encoded.begin(), encoded.end());
  std::string text;
  for (const auto& [name, value] : encoded) text += (text.empty() ? "" : "&") + name + "=" + value;
  return text;
}

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// Without spaces at the ends, and one for each run of them in between.
std::string Trimmed(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ' || (!out.empty() && out.back() != ' ')) out += c;
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

/// The headers in the form in which they are signed.
struct CanonicalHeaders {
  std::string lines;
  std::string names;

  explicit CanonicalHeaders(const std::vector<Property>& headers) {
    std::vector<std::pair<std::string, std::string>> sorted;
    for (const Property& header : headers) sorted.emplace_back(LowerCase(header.name), Trimmed(header.value));
    std::sort(sorted.begin(), sorted.end());
    for (const auto& [name, value] : sorted) {
      lines += name + ":" + value + "\n";
      names += (names.empty() ? "" : ";") + name;
    }
  }
};

/// The parts of a signature that follow from the moment and the scope.
struct Signer {
  const AwsKeys& keys;
  const AwsScope& scope;
  const std::string timestamp;

  std::string Day() const { return timestamp.substr(0, 8); }
  std::string ScopeText() const { return Day() + "/" + scope.region + "/" + scope.service + "/aws4_request"; }
  std::string Credential() const { return keys.access_key_id + "/" + ScopeText(); }

  std::string Sign(const AwsRequest& request, const CanonicalHeaders& headers, const std::string& query) const {
    const std::string canonical =
        request.method + "\n/\n" + query + "\n" + headers.lines + "\n" + headers.names + "\n" + HexOf(Sha256(request.body));
    const std::string to_sign = std::string(kAlgorithm) + "\n" + timestamp + "\n" + ScopeText() + "\n" + HexOf(Sha256(canonical));
    const Digest day = HmacSha256("AWS4" + keys.secret_access_key, Day());
    const Digest service = HmacSha256(BytesOf(HmacSha256(BytesOf(day), scope.region)), scope.service);
    return HexOf(HmacSha256(BytesOf(HmacSha256(BytesOf(service), "aws4_request")), to_sign));
  }
};

}  // namespace

std::vector<Property> SignAwsRequest(const AwsRequest& request, const AwsKeys& keys, const AwsScope& scope, WallTime now) {
  const Signer signer{keys, scope, Timestamp(now)};
  std::vector<Property> added = {{"X-Amz-Date", signer.timestamp}};
  if (!keys.session_token.empty()) added.push_back({"X-Amz-Security-Token", keys.session_token});
  std::vector<Property> signed_headers = request.headers;
  signed_headers.push_back({"Host", request.host});
  signed_headers.insert(signed_headers.end(), added.begin(), added.end());
  const CanonicalHeaders headers(signed_headers);
  const std::string signature = signer.Sign(request, headers, CanonicalQuery(request.query));
  added.push_back({"Authorization", std::string(kAlgorithm) + " Credential=" + signer.Credential() + ", SignedHeaders=" + headers.names +
                                        ", Signature=" + signature});
  return added;
}

std::string PresignAwsQuery(const AwsRequest& request, const AwsKeys& keys, const AwsScope& scope, WallTime now,
                            std::chrono::seconds lifetime) {
  const Signer signer{keys, scope, Timestamp(now)};
  std::vector<Property> signed_headers = request.headers;
  signed_headers.push_back({"Host", request.host});
  const CanonicalHeaders headers(signed_headers);
  std::vector<Property> parameters = request.query;
  parameters.insert(parameters.end(), {{"X-Amz-Algorithm", std::string(kAlgorithm)},
                                       {"X-Amz-Credential", signer.Credential()},
                                       {"X-Amz-Date", signer.timestamp},
                                       {"X-Amz-Expires", std::to_string(lifetime.count())},
                                       {"X-Amz-SignedHeaders", headers.names}});
  if (!keys.session_token.empty()) parameters.push_back({"X-Amz-Security-Token", keys.session_token});
  const std::string query = CanonicalQuery(parameters);
  return query + "&X-Amz-Signature=" + signer.Sign(request, headers, query);
}

}  // namespace sluice
