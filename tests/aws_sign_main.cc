// Signs what it reads, for a judge that knows nothing of us (tests/kinesis/aws_sign_test.py): one JSON object a line in, one a line out.
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "drivers/aws_signature.h"

namespace {

using Json = nlohmann::json;

std::vector<sluice::Property> Properties(const Json& pairs) {
  std::vector<sluice::Property> properties;
  for (const Json& pair : pairs) properties.push_back({pair[0], pair[1]});
  return properties;
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const Json in = Json::parse(line);
    const std::string body = in["body"];
    const sluice::AwsRequest request{in["method"], in["host"], Properties(in["query"]), Properties(in["headers"]), body};
    const sluice::AwsKeys keys{in["access_key_id"], in["secret_access_key"], in["session_token"], {}};
    const sluice::AwsScope scope{in["region"], in["service"]};
    const sluice::WallTime now{std::chrono::seconds(in["time"].get<std::int64_t>())};
    Json out;
    for (const sluice::Property& header : SignAwsRequest(request, keys, scope, now)) out["headers"][header.name] = header.value;
    out["query"] = PresignAwsQuery(request, keys, scope, now, std::chrono::seconds(in["lifetime"].get<std::int64_t>()));
    std::cout << out.dump() << std::endl;
  }
}
