#include "drivers/msk_token.h"

#include "drivers/aws_signature.h"
#include "drivers/base64.h"

namespace sluice {
namespace {

constexpr std::chrono::seconds kLifetime{900};  // The longest that MSK takes.

}  // namespace

MskToken MakeMskToken(const std::string& region, const AwsKeys& keys, WallTime now) {
  AwsRequest request;
  request.method = "GET";
  request.host = "kafka." + region + ".amazonaws.com";
  request.query = {{"Action", "kafka-cluster:Connect"}};
  const std::string query = PresignAwsQuery(request, keys, {region, "kafka-cluster"}, now, kLifetime);
  // Not signed: it is for the broker's log only.
  return {Base64UrlOf("https://" + request.host + "/?" + query + "&User-Agent=sluice"), now + kLifetime};
}

}  // namespace sluice
