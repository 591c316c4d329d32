#include "gateway/http_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "gateway/http_listener.h"

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kErrorPause{200};
constexpr std::chrono::seconds kLook{2};
// Those that have been told to leave still count for libmicrohttpd until its next turn.
constexpr unsigned kSlack = 2 * HttpServer::kAcceptAtOnce;

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Open(Loop& loop, const HttpConfig& config, const HttpPages& pages) {
  const Result<HttpAddress> address = HttpAddress::Parse(config.listen);
  if (!address) return tl::unexpected<Error>(address.error());
  const Result<int> listener = ListenForHttp(*address);
  if (!listener) return tl::unexpected<Error>(listener.error());
  std::unique_ptr<HttpServer> server(new HttpServer(loop, config, pages, *listener, address->path));
  if (Result<void> started = server->Start(); !started) return tl::unexpected<Error>(started.error());
  return server;
}

HttpServer::HttpServer(Loop& loop, const HttpConfig& config, const HttpPages& pages, int listener, std::string path)
    : guard_(config),
      path_(std::move(path)),
      listener_(listener),
      listener_watch_(std::make_unique<FdWatch>(loop, listener, [this](int) { OnListener(); })),
      accept_timer_(loop.NewTimer([this] {
        if (listener_watch_) listener_watch_->SetEvents(UV_READABLE);
      })),
      run_timer_(loop.NewTimer([this] { Run(); })),
      look_timer_(loop.NewTimer([this] {
        for (const auto& exchange : exchanges_) exchange->CheckClient();
        Run();
      })),
      loop_(loop),
      surroundings_{pages, guard_, path_.empty(), [this] { return Streams() < kMaxStreams; },
                    [this] { run_timer_->Start(std::chrono::milliseconds(0)); }} {}

Result<void> HttpServer::Start() {
  const auto access = [](void* server, MHD_Connection* connection, const char* path, const char* method, const char*, const char* data,
                         std::size_t* size, void** exchange) {
    return static_cast<HttpServer*>(server)->OnAccess(connection, path, method, data, size, exchange);
  };
  const MHD_RequestCompletedCallback completed = [](void* server, MHD_Connection* connection, void** exchange, MHD_RequestTerminationCode) {
    static_cast<HttpServer*>(server)->OnCompleted(connection, static_cast<HttpExchange*>(*exchange));
  };
  const MHD_NotifyConnectionCallback notify = [](void* server, MHD_Connection* connection, void** place,
                                                 MHD_ConnectionNotificationCode code) {
    static_cast<HttpServer*>(server)->OnConnection(connection, place, code == MHD_CONNECTION_NOTIFY_STARTED);
  };
  daemon_ = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, nullptr, nullptr, access, this,  //
                             MHD_OPTION_CONNECTION_LIMIT, static_cast<unsigned>(kMaxConnections) + kSlack,                            //
                             MHD_OPTION_CONNECTION_MEMORY_LIMIT, kHeaderBytes,                                                        //
                             MHD_OPTION_CONNECTION_TIMEOUT, static_cast<unsigned>(kIdle.count()),                                     //
                             MHD_OPTION_NOTIFY_COMPLETED, completed, this,                                                            //
                             MHD_OPTION_NOTIFY_CONNECTION, notify, this,                                                              //
                             MHD_OPTION_END);
  if (daemon_ == nullptr) return Fail(ErrorCode::kUnavailable, "libmicrohttpd does not start");
  const int epoll = MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
  daemon_watch_ = std::make_unique<FdWatch>(loop_, epoll, [this](int) { Run(); });
  daemon_watch_->SetEvents(UV_READABLE);
  listener_watch_->SetEvents(UV_READABLE);
  return {};
}

HttpServer::~HttpServer() {
  StopListening();
  daemon_watch_.reset();
  if (daemon_ == nullptr) return;
  // libmicrohttpd cannot end a connection that is suspended.
  ends_ = true;
  for (const auto& exchange : exchanges_) exchange->Abort();
  MHD_run(daemon_);
  MHD_stop_daemon(std::exchange(daemon_, nullptr));
}

void HttpServer::StopListening() {
  if (!listener_watch_) return;
  listener_watch_.reset();
  if (!path_.empty()) ::unlink(path_.c_str());
  ::close(listener_);
}

void HttpServer::Close(std::function<void()> closed) {
  closed_ = std::move(closed);
  StopListening();
  for (Place& place : places_) {
    if (place.exchange == nullptr || !place.exchange->HasAsked()) Dismiss(place);
  }
  run_timer_->Start(std::chrono::milliseconds(0));
}

void HttpServer::GiveUp() {
  for (const auto& exchange : exchanges_) exchange->GiveUp();
}

void HttpServer::EndEvents() {
  for (const auto& exchange : exchanges_) exchange->EndEvents();
}

void HttpServer::EndTasks(bool only_of_gateway) {
  for (const auto& exchange : exchanges_) exchange->EndTask(only_of_gateway);
}

void HttpServer::OnListener() {
  int accepted = 0;
  while (accepted < kAcceptAtOnce && Accept()) ++accepted;
  if (accepted == kAcceptAtOnce) PauseListening(kAcceptPause);
  Run();
}

void HttpServer::PauseListening(std::chrono::milliseconds pause) {
  listener_watch_->SetEvents(0);
  accept_timer_->Start(pause);
}

// False: there was none, or nothing can be done about it now.
bool HttpServer::Accept() {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  const int fd = ::accept4(listener_, reinterpret_cast<sockaddr*>(&address), &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) {
    // No descriptors are left, or the like: it would be told again and again.
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) PauseListening(kErrorPause);
    return false;
  }
  if (!MakeRoom()) {
    ::close(fd);
    return true;
  }
  MHD_add_connection(daemon_, fd, reinterpret_cast<sockaddr*>(&address), size);  // Closes it if it fails.
  return true;
}

bool HttpServer::MakeRoom() {
  const auto stays = [](const Place& place) { return !place.leaves; };
  if (std::count_if(places_.begin(), places_.end(), stays) < static_cast<std::ptrdiff_t>(kMaxConnections)) return true;
  const auto owes = [&](const Place& place) { return stays(place) && (place.exchange == nullptr || !place.exchange->HasAsked()); };
  const auto oldest = std::find_if(places_.begin(), places_.end(), owes);
  if (oldest == places_.end()) return false;
  Dismiss(*oldest);
  return true;
}

// libmicrohttpd finds it closed in its next turn.
void HttpServer::Dismiss(Place& place) {
  place.leaves = true;
  ::shutdown(place.fd, SHUT_RDWR);
}

void HttpServer::OnConnection(MHD_Connection* connection, void** place, bool started) {
  if (started) {
    places_.push_back({MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd});
    *place = &places_.back();
    return;
  }
  std::erase_if(places_, [&](const Place& one) { return &one == *place; });
}

HttpServer::Place& HttpServer::PlaceOf(MHD_Connection* connection) {
  return *static_cast<Place*>(MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context);
}

MHD_Result HttpServer::OnAccess(MHD_Connection* connection, const char* path, const char* method, const char* data, std::size_t* size,
                                void** exchange) {
  if (*exchange != nullptr) return static_cast<HttpExchange*>(*exchange)->OnAccess(data, size);
  if (ends_) return MHD_NO;
  exchanges_.push_back(std::make_unique<HttpExchange>(surroundings_, connection, path, method));
  *exchange = exchanges_.back().get();
  PlaceOf(connection).exchange = exchanges_.back().get();
  if (!look_timer_->IsActive()) look_timer_->Start(kLook);
  return exchanges_.back()->OnHeader();
}

void HttpServer::OnCompleted(MHD_Connection* connection, HttpExchange* exchange) {
  if (exchange == nullptr) return;
  Place& place = PlaceOf(connection);
  place.exchange = nullptr;
  const auto at = std::find_if(places_.begin(), places_.end(), [&](const Place& one) { return &one == &place; });
  places_.splice(places_.end(), places_, at);
  exchange->OnCompleted();
}

std::size_t HttpServer::Streams() const {
  const auto is_stream = [](const auto& exchange) { return exchange->IsStream(); };
  return static_cast<std::size_t>(std::count_if(exchanges_.begin(), exchanges_.end(), is_stream));
}

void HttpServer::Run() {
  MHD_run(daemon_);
  std::erase_if(exchanges_, [](const auto& exchange) { return exchange->IsDone(); });
  if (!exchanges_.empty() && !look_timer_->IsActive()) look_timer_->Start(kLook);
  MHD_UNSIGNED_LONG_LONG wait = 0;
  if (MHD_get_timeout(daemon_, &wait) == MHD_YES) run_timer_->Start(std::chrono::milliseconds(wait));
  if (closed_ && exchanges_.empty()) std::exchange(closed_, nullptr)();
}

}  // namespace sluice
