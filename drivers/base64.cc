#include "drivers/base64.h"

#include <openssl/evp.h>

#include <algorithm>

namespace sluice {

void AppendBase64(std::string_view bytes, std::string& out) {
  const std::size_t begin = out.size();
  const std::size_t size = (bytes.size() + 2) / 3 * 4;
  out.resize(begin + size + 1);  // The encoder ends its text with a zero.
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data() + begin), reinterpret_cast<const unsigned char*>(bytes.data()),
                  static_cast<int>(bytes.size()));
  out.resize(begin + size);
}

std::string Base64UrlOf(std::string_view bytes) {
  std::string text;
  AppendBase64(bytes, text);
  text.erase(std::min(text.find('='), text.size()));
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

}  // namespace sluice
