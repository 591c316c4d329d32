#include "config/build_kinesis.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "config/build_aws.h"
#include "config/build_source.h"
#include "gateway/endpoint.h"
#include "gateway/sink_rules.h"

namespace sluice {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

bool IsStreamName(const std::string& text) {
  std::string fitted = text;
  return FitDestination(SinkType::kKinesis, fitted).empty() && fitted == text;
}

std::string RegionalEndpoint(const std::string& region) {
  return "https://kinesis." + region + (region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com");
}

void ReadEndpoint(ObjectReader& reader, KinesisSinkConfig& kinesis) {
  kinesis.endpoint = RegionalEndpoint(kinesis.region);
  reader.String("endpoint", kinesis.endpoint);
  const bool unknown = HasReference(kinesis.endpoint);  // When only checking.
  if (reader.Find("endpoint") == nullptr || unknown) return;
  const Result<Endpoint> endpoint = Endpoint::Parse(kinesis.endpoint);
  if (!endpoint) return reader.Complain("endpoint", endpoint.error().message);
  if (endpoint->path.size() > 1) reader.Complain("endpoint", "Kinesis has no path: an address is written https://host[:port]");
  if (!endpoint->tls && !endpoint->IsLoopback()) {
    reader.Complain("endpoint",
                    "http:// sends events in clear, and is for a server on this machine only; write https://" + endpoint->authority);
  }
}

}  // namespace

void ReadKinesis(ObjectReader& reader, KinesisSinkConfig& kinesis) {
  ReadAwsRegion(reader, kinesis.region);
  reader.Require("stream", "the name of the stream");
  reader.String("stream", kinesis.stream);
  if (!kinesis.stream.empty() && !HasReference(kinesis.stream) && !IsStreamName(kinesis.stream)) {
    reader.Complain("stream", "a stream's name has 1 to 128 letters, digits, `_`, `.` and `-`");
  }
  ReadEndpoint(reader, kinesis);
  reader.Object("auth", [&](ObjectReader& auth) { ReadAwsAuth(auth, kinesis.auth); });
  reader.Object("tls", [&](ObjectReader& tls) { kinesis.tls = ReadTls(tls); });
  reader.Secret("proxy", kinesis.proxy);
  reader.DurationOf("connect_timeout", seconds(1), seconds(600), kinesis.connect_timeout);
  reader.DurationOf("timeout", milliseconds(100), hours(1), kinesis.timeout);
}

}  // namespace sluice
