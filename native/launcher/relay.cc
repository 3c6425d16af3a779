#include "launcher/relay.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "launcher/command_host.h"
#include "launcher/messages.h"
#include "launcher/signals.h"
#include "launcher/terminal_mode.h"

namespace ocup {

namespace {

constexpr size_t kBlockBytes = 4096;
/** How long the host may take to hold its output when the job is stopped. */
constexpr int kPauseTimeoutMs = 200;
/** So many signals that nobody has seen, and we leave by ourselves: the host hangs. */
constexpr int kUnseenSignals = 3;

/** A number from a newer host is the most that this launcher knows. */
TerminalMode::Mode mode_of(int number) {
  if (number == 0) return TerminalMode::kLines;
  return number == 1 ? TerminalMode::kKeys : TerminalMode::kRaw;
}

class Relay {
 public:
  Relay(int connection, const SignalSource& signals)
      : connection_(connection), signals_(signals) {}

  int run() {
    while (exit_code_ < 0) step(-1);
    return exit_code_;
  }

 private:
  /** Waits for one round of events, at most so long. Whether there was any. */
  bool step(int timeout_ms) {
    pollfd polls[3] = {
        {connection_, POLLIN, 0},
        {signals_.fd(), POLLIN, 0},
        {reads_input_ ? STDIN_FILENO : -1, POLLIN, 0},
    };
    const int ready = retry_interrupted([&] { return ::poll(polls, 3, timeout_ms); });
    if (ready < 0) throw SysError(errno, "poll");
    if (polls[0].revents != 0) receive();
    if (polls[1].revents != 0) {
      while (const int number = signals_.next()) on_signal(number);
    }
    if (polls[2].revents != 0 && exit_code_ < 0) read_input();
    return ready > 0;
  }

  void receive() {
    std::array<char, kBlockBytes> block;
    const ssize_t size =
        retry_interrupted([&] { return ::recv(connection_, block.data(), block.size(), 0); });
    if (size < 0 && errno != ECONNRESET) throw SysError(errno, "recv");
    if (size <= 0) {
      throw UserError("the command broke off: the process it ran in, beside the supervisor, has ended");
    }
    held_.append(block.data(), static_cast<size_t>(size));
    // Every frame that comes here has at most one byte behind its header.
    while (held_.size() >= kFrameHeaderBytes) {
      const size_t total = kFrameHeaderBytes + static_cast<unsigned char>(held_[4]);
      if (held_.size() < total) return;
      const int value = total > kFrameHeaderBytes ? static_cast<unsigned char>(held_[5]) : 0;
      on_frame(static_cast<Message>(held_[0]), value);
      held_.erase(0, total);
    }
  }

  void on_frame(Message type, int value) {
    if (type == Message::kExit) {
      exit_code_ = value;
    } else if (type == Message::kTerminalMode) {
      wanted_ = mode_of(value);
      mode_.set(wanted_);
      tell(Message::kModeSet);
    } else if (type == Message::kReadInput) {
      reads_input_ = value != 0;
    } else if (type == Message::kSignalSeen) {
      unseen_ = 0;
    } else if (type == Message::kPaused) {
      is_paused_ = true;
    }
  }

  void on_signal(int number) {
    if (number == SIGWINCH) {
      tell_size();
    } else if (number == SIGTSTP) {
      stop();
    } else if (number != SIGCONT) {
      if (++unseen_ >= kUnseenSignals) {
        exit_code_ = 128 + number;
        return;
      }
      tell(Message::kSignal, std::string(1, static_cast<char>(number)));
    }
  }

  /** A stop that nobody announced, by SIGSTOP, leaves the command running. */
  void stop() {
    is_paused_ = false;
    tell(Message::kStopped);
    while (!is_paused_ && exit_code_ < 0 && step(kPauseTimeoutMs)) continue;
    if (exit_code_ >= 0) return;
    mode_.restore();
    stop_self();
    mode_.set(wanted_);
    tell(Message::kContinued);
    tell_size();
  }

  void tell_size() {
    winsize size = {};
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO, STDIN_FILENO}) {
      if (::ioctl(fd, TIOCGWINSZ, &size) < 0) continue;
      const unsigned numbers[2] = {size.ws_row, size.ws_col};
      std::string payload;
      for (const unsigned value : numbers) {
        payload.push_back(static_cast<char>(value >> 8));
        payload.push_back(static_cast<char>(value & 0xff));
      }
      tell(Message::kResize, payload);
      return;
    }
  }

  /** In the background this stops the process, as reading a terminal there does. */
  void read_input() {
    std::array<char, kBlockBytes> block;
    const ssize_t size = ::read(STDIN_FILENO, block.data(), block.size());
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (size > 0) {
      tell(Message::kInput, std::string(block.data(), static_cast<size_t>(size)));
    } else {
      reads_input_ = false;
      tell(Message::kInputEnd);
    }
  }

  /** A host that has gone is noticed where its answers are read. */
  void tell(Message type, const std::string& payload = {}) {
    try {
      send_frame(connection_, type, payload);
    } catch (const SysError& error) {
      if (error.error_number() != EPIPE && error.error_number() != ECONNRESET) throw;
    }
  }

  int connection_;
  const SignalSource& signals_;
  TerminalMode mode_;
  std::string held_;
  int exit_code_ = -1;
  int unseen_ = 0;
  TerminalMode::Mode wanted_ = TerminalMode::kLines;
  bool reads_input_ = false;
  bool is_paused_ = false;
};

}  // namespace

int relay(int connection, const SignalSource& signals) { return Relay(connection, signals).run(); }

}  // namespace ocup
