#include "shim/log_writer.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/error.h"
#include "base/file.h"
#include "shim/clock.h"

namespace ocup::shim {

namespace {

constexpr size_t kMaxLineBytes = 16 * 1024;
constexpr size_t kBatchBytes = 64 * 1024;
constexpr size_t kMaxNoteBytes = 160;

size_t index_of(Stream stream) { return static_cast<size_t>(stream); }

}  // namespace

LogWriter::LogWriter(std::string path, uint64_t max_bytes, uint64_t max_files)
    : path_(std::move(path)), max_bytes_(max_bytes), max_files_(max_files) {
  open();
}

void LogWriter::open() {
  fd_ = open_file(path_, O_RDWR | O_APPEND | O_CREAT, 0640);
  struct stat info = {};
  if (::fstat(fd_.get(), &info) < 0) throw SysError(errno, "fstat", path_);
  size_ = static_cast<uint64_t>(info.st_size);
  // A writer that was killed may have left half a record: what follows must not be read as its end.
  char last = '\n';
  if (size_ > 0 && ::pread(fd_.get(), &last, 1, info.st_size - 1) == 1 && last != '\n') {
    batch_ = "\n";
    flush();
  }
}

void LogWriter::write(Stream stream, std::string_view chunk) {
  time_ = timestamp();
  while (!chunk.empty()) {
    const size_t end = chunk.find('\n');
    take_line_part(stream, chunk.substr(0, end), end != std::string_view::npos);
    if (end == std::string_view::npos) break;
    chunk.remove_prefix(end + 1);
  }
  flush();
}

void LogWriter::finish(Stream stream) {
  std::string& held = held_[index_of(stream)];
  if (held.empty()) return;
  time_ = timestamp();
  add_record(stream, 'F', held);
  std::string().swap(held);
  flush();
}

void LogWriter::remove_if_empty() {
  if (size_ == 0) ::unlink(path_.c_str());
}

void LogWriter::take_line_part(Stream stream, std::string_view text, bool is_line_end) {
  std::string& held = held_[index_of(stream)];
  while (held.size() + text.size() > kMaxLineBytes) {
    const size_t count = kMaxLineBytes - held.size();
    if (held.empty()) {
      add_record(stream, 'P', text.substr(0, count));
    } else {
      add_record(stream, 'P', held.append(text.substr(0, count)));
      held.clear();
    }
    text.remove_prefix(count);
  }
  if (!is_line_end) {
    held.append(text);
  } else if (held.empty()) {
    add_record(stream, 'F', text);
  } else {
    add_record(stream, 'F', held.append(text));
    std::string().swap(held);
  }
}

void LogWriter::add_record(Stream stream, char tag, std::string_view text) {
  const size_t length = time_.size() + sizeof " stdout F \n" - 1 + text.size();
  const uint64_t size = size_ + batch_.size();
  if (max_bytes_ > 0 && size > 0 && size + length > max_bytes_) {
    flush();
    // What did not fit the disk does not fit a new file either.
    if (size_ > 0 && batch_.empty()) rotate();
  }
  if (batch_.size() + length > kBatchBytes) flush();
  append(stream, tag, text);
  if (journal_) journal_->send(stream, text, tag == 'P');
}

void LogWriter::append(Stream stream, char tag, std::string_view text) {
  batch_.append(time_).append(stream == Stream::kStdout ? " stdout " : " stderr ");
  batch_.append({tag, ' '}).append(text).append(1, '\n');
}

void LogWriter::flush() {
  if (batch_.empty()) return;
  batch_.erase(0, write_batch(batch_));
  if (batch_.empty() && batch_.capacity() > kBatchBytes) batch_.shrink_to_fit();
}

void LogWriter::give_up() {
  uint64_t lines = static_cast<uint64_t>(std::count(batch_.begin(), batch_.end(), '\n'));
  std::string().swap(batch_);
  if (lines == 0) return;
  lines += make_room(kMaxNoteBytes);
  append(Stream::kStderr, 'F',
         "ocup: " + std::to_string(lines) + " lines are missing here: " + errno_text(refusal_));
  flush();
  batch_.clear();
}

/** Takes back the last records, `bytes` or a little more; returns how many. */
uint64_t LogWriter::make_room(size_t bytes) {
  std::string tail(std::min<uint64_t>(size_, kMaxLineBytes + kMaxNoteBytes), '\0');
  const uint64_t from = size_ - tail.size();
  const ssize_t count = ::pread(fd_.get(), tail.data(), tail.size(), static_cast<off_t>(from));
  if (count != static_cast<ssize_t>(tail.size()) || tail.size() <= bytes) return 0;
  const size_t cut = tail.rfind('\n', tail.size() - bytes - 1);
  if (cut == std::string::npos) return 0;
  if (::ftruncate(fd_.get(), static_cast<off_t>(from + cut + 1)) < 0) return 0;
  size_ = from + cut + 1;
  const std::string_view taken = std::string_view(tail).substr(cut + 1);
  return static_cast<uint64_t>(std::count(taken.begin(), taken.end(), '\n'));
}

/** Returns how many bytes of whole records are in the file. */
size_t LogWriter::write_batch(std::string_view batch) {
  size_t written = 0;
  while (written < batch.size()) {
    const ssize_t count = retry_interrupted(
        [&] { return ::write(fd_.get(), batch.data() + written, batch.size() - written); });
    if (count <= 0) {
      refusal_ = count < 0 ? errno : EIO;
      const size_t whole = batch.substr(0, written).rfind('\n') + 1;  // npos + 1 is 0
      drop_torn_record(batch.substr(whole, written - whole));
      size_ += whole;
      return whole;
    }
    written += static_cast<size_t>(count);
  }
  size_ += written;
  return written;
}

void LogWriter::drop_torn_record(std::string_view written) {
  if (written.empty()) return;
  struct stat info = {};
  if (::fstat(fd_.get(), &info) < 0) return;
  const off_t size = info.st_size - static_cast<off_t>(written.size());
  if (size >= 0 && ::ftruncate(fd_.get(), size) < 0) refusal_ = errno;
}

void LogWriter::rotate() {
  for (uint64_t number = max_files_ - 1; number > 0; --number) {
    const std::string from = number == 1 ? path_ : path_ + "." + std::to_string(number - 1);
    ::rename(from.c_str(), (path_ + "." + std::to_string(number)).c_str());
  }
  // A file of its own also where only one is kept: who follows the log sees by it that a new one
  // began.
  if (max_files_ == 1) ::unlink(path_.c_str());
  try {
    open();
  } catch (const SysError& error) {
    refusal_ = error.error_number();
    size_ = 0;  // the old file goes on, under its new name, until it is full again
  }
}

}  // namespace ocup::shim
