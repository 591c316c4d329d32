// One request over HTTP, from its header to the end of its answer, as libmicrohttpd tells of it and wants it.
//
// Invariants
//  1. A request costs at most kMaxBody bytes besides what libmicrohttpd allows its header.
//  2. Of an answer in lines no more than one piece is made before the client has taken what there was. An answer that breaks off ends with
//  a line
//     {"error": ...} and without HTTP's mark of a complete one.
//  3. A task or page that was begun may call back until it has ended, also when the client is gone: IsDone says when it has.
//
// Loop thread, from within MHD_run unless a task says something.
#pragma once

#include <microhttpd.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "gateway/control_commands.h"
#include "gateway/http_guard.h"
#include "gateway/http_message.h"
#include "gateway/http_pages.h"

namespace sluice {

class HttpExchange : private ControlAnswer {
 public:
  static constexpr std::size_t kMaxBody = 64u << 10;
  static constexpr std::size_t kMaxDrain = 1u << 20;  ///< Of a body that is too large, so that its client reads why.

  /// The parts of the server that an exchange uses; they outlive it.
  struct Surroundings {
    const HttpPages& pages;
    const HttpGuard& guard;
    const bool over_tcp;
    std::function<bool()> may_stream;  ///< There is room for one more answer in lines.
    std::function<void()> on_change;   ///< There is something to do for MHD_run, or the exchange may be done. Calls nobody back.
  };

  HttpExchange(const Surroundings& surroundings, MHD_Connection* connection, const char* path, const char* method);

  /// As MHD_AccessHandlerCallback: at first, and then.
  MHD_Result OnHeader();
  MHD_Result OnAccess(const char* data, std::size_t* size);
  /// libmicrohttpd is done with the request, one way or the other.
  void OnCompleted();

  /// Nothing will call back any more.
  bool IsDone() const { return connection_ == nullptr && !awaited_; }
  bool IsStream() const { return is_stream_ && awaited_; }
  /// The request is there, so that the answer is awaited and not the client.
  bool HasAsked() const { return asked_; }
  /// What is under way is not wanted any more, and ends by itself.
  void GiveUp() { given_up_ |= awaited_; }
  /// As ControlSocket::EndTasks: as GiveUp, and the task is told.
  void EndTask(bool only_of_gateway);
  /// Likewise, if events are shown: whoever may see them has changed.
  void EndEvents();
  /// Ends an answer whose client has left without anybody noticing: there was nothing to be sent.
  void CheckClient();
  /// Before the end of the server: a connection must not be suspended then.
  void Abort();

 private:
  // ControlAnswer: a task says
  bool IsWanted() const override { return connection_ != nullptr && !given_up_; }
  void Send(std::string lines) override;
  void End() override { Finish(std::nullopt); }
  void Fail(const std::string& reason) override { Finish(reason); }

  void ReadHeader();
  MHD_Result Take(const char* data, std::size_t size);
  void Dispatch();
  void EndTask();
  void Begin();
  void Finish(const std::optional<std::string>& error);
  void SetReply(HttpReply reply);
  MHD_Result Queue();
  MHD_Result QueueStream();
  ssize_t Read(char* buffer, std::size_t size);
  void Wake();
  void Suspend();

  const Surroundings& surroundings_;
  MHD_Connection* connection_;  // Null: done.
  HttpRequest request_;
  std::unique_ptr<ControlTask> task_;
  std::optional<HttpReply> reply_;
  std::string text_;       // Lines that the client has not taken yet: the whole answer, or what comes next of it.
  std::size_t taken_ = 0;  // Of these.
  bool asked_ = false;
  std::size_t came_ = 0;        // Of the body.
  std::size_t body_bytes_ = 0;  // As announced, or as came if that is more.
  bool awaited_ = false;        // A task or page will say more.
  bool is_stream_ = false;
  bool shows_events_ = false;
  bool has_piece_ = false;  // Of a stream: something was sent;
  bool has_lines_ = false;  // and the status is decided.
  bool failed_ = false;
  bool told_ = false;  // The task knows that what it sent is taken, and has not sent more yet.
  bool suspended_ = false;
  bool given_up_ = false;  // Not wanted by us any more,
  bool aborted_ = false;   // and not to be sent either.
};

}  // namespace sluice
