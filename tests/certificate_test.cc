#include "drivers/certificate.h"

#include <doctest/doctest.h>

#include "tests/make_certificate.h"
#include "tests/temp_dir.h"

namespace sluice {
namespace {

constexpr std::chrono::seconds kFarAway{4'000'000'000};  // After 2049 the date is written in another way.

TEST_CASE("certificate: its end is told to the second, past or far away, whatever stands before it") {
  const TempDir dir;
  for (const std::chrono::seconds expires : {std::chrono::seconds(1'000'000'000), std::chrono::seconds(1'900'000'001), kFarAway}) {
    const Result<WallTime> told = CertificateExpiry(dir.Write("cert.pem", MakeCertificate(expires)));
    REQUIRE(told);
    CHECK(*told == WallTime(expires));
  }
}

TEST_CASE("certificate: of a chain the first one counts") {
  const TempDir dir;
  const std::string chain = MakeCertificate(std::chrono::seconds(1'800'000'000)) + MakeCertificate(kFarAway);
  CHECK(CertificateExpiry(dir.Write("chain.pem", chain)).value() == WallTime(std::chrono::seconds(1'800'000'000)));
}

TEST_CASE("certificate: a file that is not there is unavailable, and named") {
  const TempDir dir;
  const Result<WallTime> told = CertificateExpiry(dir.Path("none.pem"));
  REQUIRE(!told);
  CHECK(told.error().code == ErrorCode::kUnavailable);
  CHECK(told.error().message == dir.Path("none.pem") + ": No such file or directory");
}

TEST_CASE("certificate: what holds no certificate is invalid, and named") {
  const TempDir dir;
  const std::string good = MakeCertificate(kFarAway);
  const std::size_t certificate = good.find("-----BEGIN CERTIFICATE");
  const std::string texts[] = {"", "garbage\n", good.substr(0, certificate), good.substr(certificate, 200),
                               "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"};
  for (const std::string& text : texts) {
    const Result<WallTime> told = CertificateExpiry(dir.Write("cert.pem", text));
    REQUIRE(!told);
    CHECK(told.error().code == ErrorCode::kInvalid);
    CHECK(told.error().message == dir.Path("cert.pem") + ": no certificate");
  }
}

}  // namespace
}  // namespace sluice
