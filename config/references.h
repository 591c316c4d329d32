// References in strings: `${env:X}`, `${file:/path}`, `${credential:X}` (systemd's LoadCredential), `${hostname}`; `$${` stands for `${`.
#pragma once

#include <string>
#include <string_view>

#include "gateway/result.h"

namespace sluice {

enum class ReferenceMode {
  kResolve,    ///< Values are put in.
  kCheckOnly,  ///< Syntax is checked; secrets and files are not needed, what they would give stays as written.
};

/// True if `text` holds a reference.
bool HasReference(std::string_view text);
/// `text` with its references replaced. kInvalid says which one fails, and how to mend it; never what a secret is.
Result<std::string> ResolveReferences(std::string_view text, ReferenceMode mode);

}  // namespace sluice
