// Against vectors that AWS has published: the Signature Version 4 test suite, and the example of the IAM user guide.
#include "drivers/aws_signature.h"

#include <doctest/doctest.h>

#include "drivers/sha256.h"

namespace sluice {
namespace {

const AwsKeys kKeys{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "", {}};
const AwsScope kScope{"us-east-1", "service"};
const WallTime kNow{std::chrono::seconds(1'440'938'160)};  // 2015-08-30T12:36:00Z

std::string HeaderOf(const std::vector<Property>& headers, const std::string& name) {
  for (const Property& header : headers) {
    if (header.name == name) return header.value;
  }
  return "";
}

TEST_CASE("sha-256: the digests of FIPS 180 and RFC 4231") {
  CHECK(HexOf(Sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(HexOf(HmacSha256("Jefe", "what do ya want for nothing?")) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("aws signature: the published vectors come out to the letter") {
  struct Vector {
    const char* name;
    AwsRequest request;
    const char* signed_headers;
    const char* signature;
  };
  for (const Vector& vector :
       {Vector{"get-vanilla",
               {"GET", "example.amazonaws.com", {}, {}, ""},
               "host;x-amz-date",
               "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"get-vanilla-query-order-key-case",
         {"GET", "example.amazonaws.com", {{"Param2", "value2"}, {"Param1", "value1"}}, {}, ""},
         "host;x-amz-date",
         "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        {"post-vanilla",
         {"POST", "example.amazonaws.com", {}, {}, ""},
         "host;x-amz-date",
         "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
        {"post-x-www-form-urlencoded",
         {"POST", "example.amazonaws.com", {}, {{"Content-Type", "application/x-www-form-urlencoded"}}, "Param1=value1"},
         "content-type;host;x-amz-date",
         "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"}}) {
    const std::vector<Property> added = SignAwsRequest(vector.request, kKeys, kScope, kNow);
    CHECK(HeaderOf(added, "X-Amz-Date") == "20150830T123600Z");
    CHECK_MESSAGE(HeaderOf(added, "Authorization") ==
                      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=" +
                          std::string(vector.signed_headers) + ", Signature=" + vector.signature,
                  vector.name);
  }
}

TEST_CASE("aws signature: the example of the IAM user guide") {
  const AwsRequest request{"GET",
                           "iam.amazonaws.com",
                           {{"Action", "ListUsers"}, {"Version", "2010-05-08"}},
                           {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}},
                           ""};
  const std::string authorization = HeaderOf(SignAwsRequest(request, kKeys, {"us-east-1", "iam"}, kNow), "Authorization");
  CHECK(authorization.ends_with("Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"));
}

TEST_CASE("aws signature: a session's token is sent and signed") {
  AwsKeys keys = kKeys;
  keys.session_token = "token";
  const std::vector<Property> added = SignAwsRequest({"POST", "h", {}, {}, ""}, keys, kScope, kNow);
  CHECK(HeaderOf(added, "X-Amz-Security-Token") == "token");
  CHECK(HeaderOf(added, "Authorization").find("SignedHeaders=host;x-amz-date;x-amz-security-token,") != std::string::npos);
}

}  // namespace
}  // namespace sluice
