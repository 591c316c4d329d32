#include "drivers/certificate.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>

namespace sluice {

Result<WallTime> CertificateExpiry(const std::string& pem_file) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(pem_file.c_str(), "re"), &std::fclose);
  if (!file) return Fail(ErrorCode::kUnavailable, pem_file + ": " + std::strerror(errno));
  const std::unique_ptr<X509, void (*)(X509*)> certificate(PEM_read_X509(file.get(), nullptr, nullptr, nullptr), &X509_free);
  std::tm utc{};
  if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &utc) != 1) {
    return Fail(ErrorCode::kInvalid, pem_file + ": no certificate");
  }
  return WallTime(std::chrono::seconds(timegm(&utc)));
}

}  // namespace sluice
