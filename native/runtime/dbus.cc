#include "runtime/dbus.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "runtime/channel.h"

// @see D-Bus specification, "Message Protocol", "Type System"

namespace ocup {

namespace {

constexpr uint8_t kMethodCall = 1;
constexpr uint8_t kError = 3;
constexpr uint8_t kSignal = 4;
/** Numbers of header fields. */
enum Field : uint8_t {
  kPath = 1,
  kInterface,
  kMember,
  kErrorName,
  kReplySerial,
  kDestination,
  kSender,
  kSignature
};

constexpr size_t kHeaderBytes = 16;
constexpr uint32_t kMaxBytes = 1u << 20;
constexpr timeval kPatience = {.tv_sec = 30, .tv_usec = 0};
constexpr const char* kManager = "org.freedesktop.systemd1";

struct Address {
  std::string path;
  bool is_bus;
};

std::string variable(const char* name) {
  const char* value = ::getenv(name);
  return value == nullptr ? "" : value;
}

/** `unix:path=/run/user/1000/bus,guid=…` */
std::string path_in(const std::string& address) {
  constexpr std::string_view kPrefix = "unix:path=";
  if (!address.starts_with(kPrefix)) return "";
  return address.substr(kPrefix.size(), address.find_first_of(",;") - kPrefix.size());
}

std::vector<Address> addresses(bool is_user) {
  if (!is_user) {
    return {{path_in(variable("DBUS_SYSTEM_BUS_ADDRESS")), true},
            {"/run/dbus/system_bus_socket", true},
            {"/run/systemd/private", false}};
  }
  std::string folder = variable("XDG_RUNTIME_DIR");
  if (folder.empty()) folder = "/run/user/" + std::to_string(::geteuid());
  return {{path_in(variable("DBUS_SESSION_BUS_ADDRESS")), true},
          {folder + "/bus", true},
          {folder + "/systemd/private", false}};
}

void add_field(DbusWriter& writer, Field field, std::string_view type, std::string_view value) {
  if (value.empty()) return;
  writer.pad(8);
  writer.byte(field);
  writer.signature(type);
  if (type == "g") {
    writer.signature(value);
  } else {
    writer.text(value);
  }
}

void read_fields(DbusReader& reader, size_t end, DbusMessage& message) {
  while (reader.position() < end) {
    reader.pad(8);
    const uint8_t field = reader.byte();
    const std::string type = reader.signature();
    if (type == "u") {
      const uint32_t number = reader.number32();
      if (field == kReplySerial) message.reply_to = number;
    } else if (type == "g") {
      reader.signature();
    } else if (type == "s" || type == "o") {
      const std::string text = reader.text();
      if (field == kMember) message.member = text;
      if (field == kErrorName) message.error_name = text;
    } else {
      throw UserError("systemd sent a header that is not understood: field of type " + type);
    }
  }
}

}  // namespace

void DbusWriter::number32(uint32_t value) {
  pad(4);
  data_.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void DbusWriter::number64(uint64_t value) {
  pad(8);
  data_.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void DbusWriter::text(std::string_view value) {
  number32(static_cast<uint32_t>(value.size()));
  data_.append(value).push_back('\0');
}

void DbusWriter::signature(std::string_view value) {
  byte(static_cast<uint8_t>(value.size()));
  data_.append(value).push_back('\0');
}

size_t DbusWriter::begin_array(size_t alignment) {
  number32(0);
  const size_t mark = data_.size() - sizeof(uint32_t);
  // The length counts from the first element on, not from the padding before it.
  pad(alignment);
  return mark;
}

void DbusWriter::end_array(size_t mark, size_t alignment) {
  const size_t start = (mark + sizeof(uint32_t) + alignment - 1) / alignment * alignment;
  const auto length = static_cast<uint32_t>(data_.size() - start);
  std::memcpy(data_.data() + mark, &length, sizeof length);
}

std::string_view DbusReader::take(size_t size) {
  if (at_ > data_.size() || size > data_.size() - at_)
    throw UserError("systemd sent too short a message");
  at_ += size;
  return data_.substr(at_ - size, size);
}

uint8_t DbusReader::byte() { return static_cast<uint8_t>(take(1)[0]); }

uint32_t DbusReader::number32() {
  pad(4);
  uint32_t value = 0;
  std::memcpy(&value, take(sizeof value).data(), sizeof value);
  return value;
}

std::string DbusReader::text() {
  const uint32_t size = number32();
  std::string value(take(size));
  take(1);
  return value;
}

std::string DbusReader::signature() {
  const uint8_t size = byte();
  std::string value(take(size));
  take(1);
  return value;
}

Dbus::Dbus(bool is_user) {
  for (const auto& [path, is_bus] : addresses(is_user)) {
    if (path.empty()) continue;
    try {
      fd_ = connect_unix(path);
    } catch (const SysError&) {
      continue;
    }
    is_bus_ = is_bus;
    break;
  }
  if (!fd_) {
    throw UserError(std::string("cannot reach systemd: there is neither a ") +
                    (is_user ? "user" : "system") + " bus nor a socket of systemd's own");
  }
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  authenticate();
}

void Dbus::authenticate() {
  std::string uid;
  for (const char digit : std::to_string(::geteuid())) {
    uid += "3";
    uid += digit;
  }
  // All in one, and two answers: the last of them comes when BEGIN has been read as well. A message
  // that is read together with BEGIN would lie there until another one comes.
  write_all(fd_.get(),
            std::string("\0AUTH EXTERNAL ", 15) + uid + "\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n",
            "D-Bus");
  for (const char* expected : {"OK ", "AGREE_UNIX_FD"}) {
    std::string answer;
    while (!answer.ends_with("\r\n") && answer.size() < 1024) answer += read_bytes(1);
    if (!answer.starts_with(expected)) throw UserError("D-Bus refused to talk: " + answer);
  }
  if (is_bus_) {
    constexpr const char* kBus = "org.freedesktop.DBus";
    const uint32_t serial = send({"/org/freedesktop/DBus", kBus, "Hello", "", ""}, kBus);
    while (receive().reply_to != serial) continue;
    DbusWriter rule;
    rule.text(
        "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.systemd1."
        "Manager',member='JobRemoved'");
    send({"/org/freedesktop/DBus", kBus, "AddMatch", "s", rule.data()}, kBus);
  }
}

uint32_t Dbus::send(const DbusCall& call, std::string_view destination) {
  serial_ += 1;
  DbusWriter writer;
  writer.byte('l');
  writer.byte(kMethodCall);
  writer.byte(0);
  writer.byte(1);
  writer.number32(static_cast<uint32_t>(call.body.size()));
  writer.number32(serial_);
  const size_t mark = writer.begin_array(8);
  add_field(writer, kPath, "o", call.path);
  add_field(writer, kInterface, "s", call.interface);
  add_field(writer, kMember, "s", call.member);
  add_field(writer, kDestination, "s", destination);
  add_field(writer, kSignature, "g", call.signature);
  writer.end_array(mark, 8);
  writer.pad(8);
  write_all(fd_.get(), writer.data() + call.body, "D-Bus");
  return serial_;
}

std::string Dbus::read_bytes(size_t size) {
  std::string data(size, '\0');
  for (size_t have = 0; have < size;) {
    const ssize_t got =
        retry_interrupted([&] { return ::read(fd_.get(), data.data() + have, size - have); });
    if (got < 0) throw SysError(errno == EAGAIN ? ETIMEDOUT : errno, "read", "D-Bus");
    if (got == 0) throw UserError("systemd closed the connection");
    have += static_cast<size_t>(got);
  }
  return data;
}

DbusMessage Dbus::receive() {
  std::string header = read_bytes(kHeaderBytes);
  if (header[0] != 'l') throw UserError("systemd answers in another byte order");
  DbusReader reader(header);
  reader.byte();
  DbusMessage message;
  message.type = reader.byte();
  reader.byte();
  reader.byte();
  const uint32_t body_size = reader.number32();
  reader.number32();
  const uint32_t fields_size = reader.number32();
  if (body_size > kMaxBytes || fields_size > kMaxBytes)
    throw UserError("systemd sent too long a message");
  header += read_bytes((fields_size + 7) / 8 * 8);
  DbusReader fields(header);
  for (size_t i = 0; i < kHeaderBytes; ++i) fields.byte();
  read_fields(fields, kHeaderBytes + fields_size, message);
  message.body = read_bytes(body_size);
  return message;
}

std::string Dbus::call(const DbusCall& call) {
  const uint32_t serial = send(call, kManager);
  for (;;) {
    DbusMessage message = receive();
    if (message.type == kSignal) {
      signals_.push_back(std::move(message));
      continue;
    }
    if (message.reply_to != serial) continue;
    if (message.type != kError) return message.body;
    DbusReader body(message.body);
    throw UserError("systemd refused " + call.member + ": " +
                    (body.has_more() ? body.text() : message.error_name));
  }
}

void Dbus::await_signal(const std::string& member,
                        const std::function<bool(DbusReader& body)>& visit) {
  for (size_t next = 0;; ++next) {
    if (next == signals_.size()) {
      DbusMessage message = receive();
      if (message.type != kSignal) {
        next -= 1;
        continue;
      }
      signals_.push_back(std::move(message));
    }
    if (signals_[next].member != member) continue;
    DbusReader body(signals_[next].body);
    if (visit(body)) return;
  }
}

}  // namespace ocup
