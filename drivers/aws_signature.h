// Signature Version 4 of AWS requests, in headers or in the query (presigned). Source: AWS IAM user guide, "Create a signed AWS API
// request".
//
// Ours, since the one in libcurl 7.88 always signs with the system's time. Made for APIs that live at the path "/".
//
// Pure.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/aws_keys.h"
#include "gateway/event.h"

namespace sluice {

/// What is signed.
struct AwsRequest {
  std::string method = "POST";
  std::string host;               ///< As in the header Host: with its port, if that is not the scheme's own.
  std::vector<Property> query;    ///< Not encoded.
  std::vector<Property> headers;  ///< Without Host and those that signing adds.
  std::string_view body;
};

/// What the signature is good for.
struct AwsScope {
  std::string region;
  std::string service;
};

/// The headers to add to the request: X-Amz-Date, X-Amz-Security-Token if there is a session, Authorization.
std::vector<Property> SignAwsRequest(const AwsRequest& request, const AwsKeys& keys, const AwsScope& scope, WallTime now);

/// The query, encoded and without "?", that makes the request good for `lifetime` by itself.
std::string PresignAwsQuery(const AwsRequest& request, const AwsKeys& keys, const AwsScope& scope, WallTime now,
                            std::chrono::seconds lifetime);

}  // namespace sluice
