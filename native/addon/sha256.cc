#include "addon/sha256.h"

#include <new>
#include <stdexcept>

namespace ocup {

Sha256::Sha256() : context_(::EVP_MD_CTX_new(), ::EVP_MD_CTX_free) {
  if (!context_) throw std::bad_alloc();
  if (::EVP_DigestInit_ex(context_.get(), ::EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("cannot compute SHA-256 digests: OpenSSL refuses the algorithm");
  }
}

void Sha256::update(std::string_view bytes) {
  ::EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
}

std::string Sha256::finish() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  ::EVP_DigestFinal_ex(context_.get(), digest, &length);
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "sha256:";
  for (unsigned int i = 0; i < length; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

}  // namespace ocup
