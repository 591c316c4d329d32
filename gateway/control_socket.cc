#include "gateway/control_socket.h"

#include <unistd.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "gateway/json_text.h"
#include "gateway/unix_listener.h"

namespace sluice {
namespace {

using Json = nlohmann::json;

constexpr int kBacklog = 16;

}  // namespace

// One client, from its connection to the end of its answer.
class ControlSocket::Session : public ControlAnswer {
 public:
  explicit Session(ControlSocket& socket)
      : socket_(&socket),
        idle_(socket.loop_.NewTimer([this] { OnGone(); })),
        place_(socket.sessions_.insert(socket.sessions_.end(), this)) {
    uv_pipe_init(socket.loop_.uv(), &pipe_, 0);
    pipe_.data = this;
    idle_->Start(kIdle);
  }
  ~Session() override = default;

  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&pipe_); }
  bool HasAsked() const { return asked_; }
  const ControlTask* task() const { return task_.get(); }
  void Read() {
    const auto allocate = [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
      auto& chunk = static_cast<Session*>(handle->data)->chunk_;
      *buffer = uv_buf_init(chunk, sizeof chunk);
    };
    uv_read_start(stream(), allocate,
                  [](uv_stream_t* stream, ssize_t size, const uv_buf_t*) { static_cast<Session*>(stream->data)->OnRead(size); });
  }
  /// The client is gone, or is given up. A task that is under way ends by itself.
  void OnGone() {
    gone_ = true;
    if (!task_) return Destroy();
    if (std::exchange(writing_, false)) Proceed();
  }
  /// At once, whatever is under way.
  void Destroy() {
    if (destroyed_) return;
    destroyed_ = true;
    idle_.reset();
    socket_->sessions_.erase(place_);
    uv_close(reinterpret_cast<uv_handle_t*>(&pipe_),
             [](uv_handle_t* handle) { std::unique_ptr<Session>(static_cast<Session*>(handle->data)); });
  }
  void GiveUp() { gone_ = true; }
  void AnswerWaiting() {
    if (waiting_.empty()) return;
    Answer(std::exchange(waiting_, {}));
  }

  bool IsWanted() const override { return !gone_; }
  void Send(std::string lines) override {
    if (gone_) return Proceed();
    Write(std::move(lines));
  }
  void End() override { Finish(JsonLine(Json{{"end", true}})); }
  void Fail(const std::string& reason) override { Finish(JsonLine(Json{{"error", reason}})); }

 private:
  void OnRead(ssize_t size) {
    if (size < 0) return OnGone();
    request_.append(chunk_, static_cast<std::size_t>(size));
    const std::size_t end = request_.find('\n');
    if (end == std::string::npos && request_.size() < kMaxRequest) return;
    // Not to be read further: a client may have shut its side down and still want the answer.
    uv_read_stop(stream());
    idle_->Stop();
    asked_ = true;
    if (end > kMaxRequest) return Fail("a request is one line of at most " + std::to_string(kMaxRequest) + " bytes");
    Answer(request_.substr(0, end));
  }
  void Answer(const std::string& line) {
    if (socket_->paused_) {
      waiting_ = line;
      return;
    }
    const Json request = Json::parse(line, nullptr, false);
    Result<std::unique_ptr<ControlTask>> task = socket_->commands_.Make(request, *this);
    if (!task) return Fail(task.error().message);
    task_ = std::move(*task);
    task_->Next();
  }
  void Finish(std::string line) {
    ended_ = true;
    if (gone_) return Destroy();
    Write(std::move(line));
  }
  void Write(std::string text) {
    writing_ = true;
    text_ = std::move(text);
    idle_->Start(kIdle);
    uv_buf_t buffer = uv_buf_init(text_.data(), static_cast<unsigned>(text_.size()));
    write_.data = this;
    const int status = uv_write(&write_, stream(), &buffer, 1,
                                [](uv_write_t* write, int result) { static_cast<Session*>(write->data)->OnWritten(result); });
    if (status != 0) OnWritten(status);
  }
  void OnWritten(int status) {
    if (destroyed_ || !std::exchange(writing_, false)) return;
    idle_->Stop();
    gone_ |= status != 0;
    Proceed();
  }
  void Proceed() { ended_ || !task_ ? Destroy() : task_->Next(); }

  ControlSocket* const socket_;
  std::unique_ptr<Timer> idle_;  // Running: the client is awaited.
  const std::list<Session*>::iterator place_;
  uv_pipe_t pipe_;
  uv_write_t write_;
  char chunk_[4096];
  std::string request_;
  std::string text_;     // What is being written.
  std::string waiting_;  // The request, while nobody can carry it out.
  std::unique_ptr<ControlTask> task_;
  bool asked_ = false;
  bool writing_ = false;
  bool ended_ = false;
  bool gone_ = false;
  bool destroyed_ = false;
};

Result<std::unique_ptr<ControlSocket>> ControlSocket::Open(Loop& loop, const std::string& path, const ControlCommands& commands) {
  const Result<int> fd = BindUnix(path);
  if (!fd) return tl::unexpected<Error>(fd.error());
  std::unique_ptr<ControlSocket> socket(new ControlSocket(loop, path, commands));
  if (Result<void> listening = socket->Listen(*fd); !listening) return tl::unexpected<Error>(listening.error());
  return socket;
}

Result<void> ControlSocket::Listen(int fd) {
  listener_ = std::make_unique<uv_pipe_t>().release();
  uv_pipe_init(loop_.uv(), listener_, 0);
  listener_->data = this;
  uv_pipe_open(listener_, fd);
  const int status = uv_listen(reinterpret_cast<uv_stream_t*>(listener_), kBacklog, [](uv_stream_t* listener, int error) {
    if (error == 0) static_cast<ControlSocket*>(listener->data)->OnClient();
  });
  return status == 0 ? Result<void>() : sluice::Fail(ErrorCode::kUnavailable, path_ + ": " + uv_strerror(status));
}

ControlSocket::~ControlSocket() {
  Close();
  while (!sessions_.empty()) sessions_.front()->Destroy();
}

void ControlSocket::Close() {
  if (listener_ == nullptr) return;
  ::unlink(path_.c_str());
  uv_close(reinterpret_cast<uv_handle_t*>(std::exchange(listener_, nullptr)),
           [](uv_handle_t* handle) { std::unique_ptr<uv_pipe_t>(reinterpret_cast<uv_pipe_t*>(handle)); });
  for (Session* session : std::list<Session*>(sessions_)) session->HasAsked() ? session->GiveUp() : session->Destroy();
}

void ControlSocket::Resume() {
  paused_ = false;
  for (Session* session : std::list<Session*>(sessions_)) session->AnswerWaiting();
}

void ControlSocket::EndTasks(bool only_of_gateway) {
  for (Session* session : std::list<Session*>(sessions_)) {
    const ControlTask* task = session->task();
    // Not destroyed: an answer of the store may still be on its way to the task, which then ends by itself.
    if (task != nullptr && EndsWithReload(*task, only_of_gateway)) session->OnGone();
  }
}

void ControlSocket::OnClient() {
  MakeRoom();
  auto session = std::make_unique<Session>(*this);
  Session* client = session.release();  // Its own from here on.
  if (uv_accept(reinterpret_cast<uv_stream_t*>(listener_), client->stream()) != 0) return client->Destroy();
  if (sessions_.size() > kMaxClients) return client->Fail("too many clients; try again");
  client->Read();
}

void ControlSocket::MakeRoom() {
  if (sessions_.size() < kMaxClients) return;
  for (Session* session : sessions_) {
    if (!session->HasAsked()) return session->Destroy();
  }
}

}  // namespace sluice
