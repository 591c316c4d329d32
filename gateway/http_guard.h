// Who may have what over HTTP.
//
// Invariants
//  1. Over TCP a request is answered only if it calls us by a name of ours: a page that a browser was lured to, under a name that was made
//  to
//     point here (DNS rebinding), gets nothing.
//  2. Over TCP events are shown and changes made only for who shows the token. Without a token in the configuration, for nobody.
//  3. The Unix socket is guarded by its mode: who may connect may do everything.
//
// Thread: one at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "gateway/http_message.h"

namespace sluice {

class HttpGuard {
 public:
  explicit HttpGuard(const HttpConfig& config) : token_(config.token), hosts_(config.hosts) {}

  /// The refusal, if the request calls us by a name that is not ours.
  std::optional<HttpReply> CheckHost(const HttpRequest& request) const;
  /// The refusal, if the request does not show the token and has to.
  std::optional<HttpReply> CheckToken(const HttpRequest& request) const;

 private:
  bool IsOurs(const std::string& host, const std::string& own_ip) const;

  std::string token_;
  std::vector<std::string> hosts_;
};

}  // namespace sluice
