// Errors as values. A Result is either what was asked for or an Error that says what the caller can do about it.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace sluice {

/// Few codes, each of which changes what the caller does.
enum class ErrorCode {
  kInvalid,      ///< The input is wrong; trying again with the same input cannot help.
  kUnavailable,  ///< The outside world failed; the same call may work later.
  kFull,         ///< No room for it now; nothing was changed.
  kLocked,       ///< Another process holds the resource.
  kCorrupt,      ///< Stored data is not what was written.
};

struct Error {
  ErrorCode code;
  std::string message;  ///< One line for a human: what failed, where, and the fix if we know it.
};

template <typename T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

inline tl::unexpected<Error> Fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace sluice
