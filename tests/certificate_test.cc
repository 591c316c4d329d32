#include "drivers/certificate.h"

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "tests/temp_dir.h"

namespace sluice {
namespace {

constexpr std::chrono::seconds kFarAway{4'000'000'000};  // After 2049 the date is written in another way.

/// PEM of a certificate that signs itself, its key before it.
std::string MakeCertificate(std::chrono::seconds expires) {
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  const std::unique_ptr<X509, void (*)(X509*)> certificate(X509_new(), &X509_free);
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), 0);
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), expires.count());
  X509_set_pubkey(certificate.get(), key.get());
  REQUIRE(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
  const std::unique_ptr<BIO, int (*)(BIO*)> pem(BIO_new(BIO_s_mem()), &BIO_free);
  PEM_write_bio_PrivateKey(pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  PEM_write_bio_X509(pem.get(), certificate.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(pem.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

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
