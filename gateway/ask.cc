#include "gateway/ask.h"

#include "gateway/cli.h"
#include "gateway/paint.h"

namespace sluice {

int Failed(const std::string& why) {
  PrintError(why);
  return kExitFailed;
}

int StatusOf(const Result<void>& asked) {
  return asked ? static_cast<int>(kExitOk) : Failed(asked.error().message);
}

}  // namespace sluice
