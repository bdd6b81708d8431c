#include "device/rpc_greeting.hpp"

#include <ggml-rpc.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <expected>
#include <span>
#include <vector>

#include <fmt/format.h>

namespace plimsoll::device {
namespace {

using Time = std::chrono::steady_clock::time_point;

// The first word of the protocol: its number never changes, so that versions can be told apart.
constexpr std::uint8_t kHello = 14;
constexpr std::uint8_t kDeviceCount = 15;            // follows it since version 3
constexpr std::uint8_t kAlignment = 1;               // of the memory of a device
constexpr std::uint8_t kMemory = 11;                 // of a device: free, then total
constexpr std::size_t kCapabilities = 24;            // what a client can do beside TCP: nothing
constexpr std::uint64_t kMostAlignment = 1U << 20U;  // heuristic: real devices have 32 to 4096
constexpr std::uint64_t kMostMemory = std::uint64_t{1} << 50U;
constexpr std::uint64_t kMostAnswer = 4096;  // an answer is a few bytes; other programs' first bytes are a huge number

class Socket {
 public:
  explicit Socket(int file) noexcept : file_(file) {}
  // At once, without a farewell: a server that is busy finds this connection later, and where it were closed in good
  // order, its answer to the greeting would end it with a signal (up to ggml 0.27).
  ~Socket() {
    if (file_ < 0) return;
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(file_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(file_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  [[nodiscard]] int file() const noexcept { return file_; }

 private:
  int file_;
};

enum class Step { done, too_late, closed };

int milliseconds_until(Time end) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
  return static_cast<int>(std::max<std::int64_t>(0, left.count()));
}

bool waits_for(int file, short event, Time end) {
  for (;;) {
    pollfd one{.fd = file, .events = event, .revents = 0};
    const int ready = poll(&one, 1, milliseconds_until(end));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

// An error number; 0: it is connected.
int connect_to(int file, const sockaddr_in& address, Time end) {
  if (connect(file, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  if (!waits_for(file, POLLOUT, end)) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(file, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

Step send_all(int file, std::span<const std::uint8_t> bytes, Time end) {
  while (!bytes.empty()) {
    const ssize_t sent = send(file, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN && errno != EINTR) {
      return Step::closed;
    } else if (!waits_for(file, POLLOUT, end)) {
      return Step::too_late;
    }
  }
  return Step::done;
}

Step receive_all(int file, std::span<std::uint8_t> bytes, Time end) {
  while (!bytes.empty()) {
    const ssize_t got = recv(file, bytes.data(), bytes.size(), 0);
    if (got > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(got));
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      return Step::closed;
    } else if (!waits_for(file, POLLIN, end)) {
      return Step::too_late;
    }
  }
  return Step::done;
}

// Command, size, and as many bytes.
std::vector<std::uint8_t> question(std::uint8_t command, std::span<const std::uint8_t> data = {}) {
  std::vector<std::uint8_t> out{command};
  const std::uint64_t size = data.size();
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&size);
  out.insert(out.end(), bytes, bytes + sizeof size);
  out.insert(out.end(), data.begin(), data.end());
  return out;
}

RpcGreeting busy(const RpcAddress& server) {
  return {.answer = RpcAnswer::busy,
          .why = fmt::format("the RPC server {} takes the connection and does not answer: such a server serves one "
                             "client at a time, and either another one has it, or one that vanished without a word "
                             "holds it and its memory still (then it must be started again)",
                             server.shown())};
}

RpcGreeting nonsense(const RpcAddress& server, const std::string& what) {
  return {.answer = RpcAnswer::nonsense,
          .why = fmt::format("what listens at {} {}: it is not an RPC server of ggml, or one of another version of the "
                             "protocol than {}.{}",
                             server.shown(), what, RPC_PROTO_MAJOR_VERSION, RPC_PROTO_MINOR_VERSION)};
}

RpcGreeting unreachable(const RpcAddress& server, const std::string& why) {
  return {.answer = RpcAnswer::unreachable,
          .why = fmt::format("the RPC server {} cannot be reached: {}", server.shown(), why)};
}

RpcGreeting judge(const RpcAddress& server, std::span<const std::uint8_t> answer) {
  const int major = answer[0];
  const int minor = answer[1];
  constexpr int kOurMinor = RPC_PROTO_MINOR_VERSION;
  if (major == RPC_PROTO_MAJOR_VERSION && minor <= kOurMinor) return {.answer = RpcAnswer::greets, .why = {}};
  return {
      .answer = RpcAnswer::other_version,
      .why = fmt::format("the RPC server {} speaks version {}.{}.{} of the protocol, and this engine {}.{}.{}: both "
                         "need the same version of ggml",
                         server.shown(), major, minor, int{answer[2]}, RPC_PROTO_MAJOR_VERSION, RPC_PROTO_MINOR_VERSION,
                         RPC_PROTO_PATCH_VERSION)};
}

// An answer's bytes, or what is to be said of a server that does not give one.
std::expected<std::vector<std::uint8_t>, RpcGreeting> ask(const RpcAddress& server, int file,
                                                          const std::vector<std::uint8_t>& asked, std::uint64_t least,
                                                          Time end) {
  const auto failed = [&](Step step) {
    return std::unexpected(step == Step::too_late ? busy(server)
                                                  : nonsense(server, "hangs up at the engine's greeting"));
  };
  if (const Step step = send_all(file, asked, end); step != Step::done) return failed(step);
  std::array<std::uint8_t, sizeof(std::uint64_t)> head{};
  if (const Step step = receive_all(file, head, end); step != Step::done) return failed(step);
  std::uint64_t size = 0;
  std::memcpy(&size, head.data(), sizeof size);
  if (size < least || size > kMostAnswer)
    return std::unexpected(nonsense(server, "answers the engine's greeting with something else"));
  std::vector<std::uint8_t> answer(size);
  if (const Step step = receive_all(file, answer, end); step != Step::done) return failed(step);
  return answer;
}

// Numbers that it tells of a device.
template <std::size_t count>
std::expected<std::array<std::uint64_t, count>, RpcGreeting> told_of(const RpcAddress& server, int file,
                                                                     std::uint8_t command, std::uint32_t device,
                                                                     Time end) {
  std::array<std::uint8_t, sizeof device> number{};
  std::memcpy(number.data(), &device, sizeof device);
  std::array<std::uint64_t, count> out{};
  const auto told = ask(server, file, question(command, number), sizeof out, end);
  if (!told) return std::unexpected(told.error());
  std::memcpy(out.data(), told->data(), sizeof out);
  return out;
}

// The engine rounds sizes up to it without a look.
RpcGreeting look_at_alignment(const RpcAddress& server, int file, std::uint32_t device, Time end) {
  const auto told = told_of<1>(server, file, kAlignment, device, end);
  if (!told) return told.error();
  const auto [alignment] = *told;
  if (std::has_single_bit(alignment) && alignment <= kMostAlignment) return {.answer = RpcAnswer::greets, .why = {}};
  return nonsense(server, fmt::format("claims that its memory is aligned to {} bytes", alignment));
}

// Plans are made of it, and the engine shares layers out by it.
RpcGreeting look_at_memory(const RpcAddress& server, int file, std::uint32_t device, Time end) {
  const auto told = told_of<2>(server, file, kMemory, device, end);
  if (!told) return told.error();
  const auto [free, total] = *told;
  if (total > kMostMemory) return nonsense(server, fmt::format("claims to have {} bytes of memory", total));
  if (free <= total) return {.answer = RpcAnswer::greets, .why = {}};
  return nonsense(server, fmt::format("claims that {} bytes of its {} are free", free, total));
}

RpcGreeting look_at_devices(const RpcAddress& server, int file, Time end) {
  std::uint32_t devices = 0;
  const auto count = ask(server, file, question(kDeviceCount), sizeof devices, end);
  if (!count) return count.error();
  std::memcpy(&devices, count->data(), sizeof devices);
  if (devices > kMostRpcDevices) return nonsense(server, fmt::format("claims to have {} devices", devices));
  for (std::uint32_t device = 0; device < devices; ++device) {
    for (const auto look : {look_at_alignment, look_at_memory}) {
      if (RpcGreeting greeting = look(server, file, device, end); !greeting.is_well()) return greeting;
    }
  }
  return {.answer = RpcAnswer::greets, .why = {}};
}

// What the client can do beside TCP: nothing.
RpcGreeting speak(const RpcAddress& server, int file, Time end, bool looks) {
  constexpr std::array<std::uint8_t, kCapabilities> kNothing{};
  const auto version = ask(server, file, question(kHello, kNothing), 3, end);
  if (!version) return version.error();
  RpcGreeting greeting = judge(server, *version);
  return looks && greeting.is_well() ? look_at_devices(server, file, end) : greeting;
}

RpcGreeting connect_and_speak(const RpcAddress& server, std::chrono::milliseconds limit, bool looks) {
  const auto ipv4 = ipv4_of(server.host);
  if (!ipv4) return unreachable(server, "its name was not resolved");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(*ipv4);
  address.sin_port = htons(server.port);

  const Time end = std::chrono::steady_clock::now() + limit;
  const Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket.file() < 0) return unreachable(server, std::strerror(errno));
  if (const int error = connect_to(socket.file(), address, end); error != 0)
    return unreachable(server, std::strerror(error));
  return speak(server, socket.file(), end, looks);
}

}  // namespace

RpcGreeting greet(const RpcAddress& server, std::chrono::milliseconds limit) {
  return connect_and_speak(server, limit, false);
}

RpcGreeting greet_and_look(const RpcAddress& server, std::chrono::milliseconds limit) {
  return connect_and_speak(server, limit, true);
}

}  // namespace plimsoll::device
