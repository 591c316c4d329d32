#include "gateway/fingerprint.h"

#include <cstdio>

namespace sluice {

std::string Fingerprint::Text() const {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value_));
  return text;
}

}  // namespace sluice
