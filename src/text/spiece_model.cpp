#include "text/spiece_model.h"

#include <bit>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "text/unicode.h"

namespace zoetrope::text {

namespace {

[[noreturn]] void fail(const std::string& why) { throw base::Error(base::data_loss(why)); }

// A field of a message. Of the two members that hold a value, the one that its wire type names.
struct Field {
  enum class Wire : std::uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  std::uint64_t number = 0;
  Wire wire = Wire::kVarint;
  std::uint64_t integer = 0;
  std::string_view bytes;

  std::uint64_t as_integer(const char* name) const {
    if (wire != Wire::kVarint) fail(fmt::format("field '{}' is not an integer", name));
    return integer;
  }
  std::string_view as_bytes(const char* name) const {
    if (wire != Wire::kBytes) fail(fmt::format("field '{}' is not a string or message", name));
    return bytes;
  }
  float as_float(const char* name) const {
    if (wire != Wire::kFixed32) fail(fmt::format("field '{}' is not a float", name));
    std::uint32_t bits = 0;
    std::memcpy(&bits, bytes.data(), sizeof bits);
    return std::bit_cast<float>(bits);
  }
};

// The fields of a message in order, by the encoding of protocol buffers.
class Message {
 public:
  explicit Message(std::string_view bytes) : rest_(bytes) {}

  bool next(Field& field) {
    if (rest_.empty()) return false;
    const std::uint64_t tag = varint();
    field = {tag >> 3, static_cast<Field::Wire>(tag & 7), 0, {}};
    switch (field.wire) {
      case Field::Wire::kVarint:
        field.integer = varint();
        break;
      case Field::Wire::kFixed64:
        field.bytes = take(8);
        break;
      case Field::Wire::kBytes:
        field.bytes = take(varint());
        break;
      case Field::Wire::kFixed32:
        field.bytes = take(4);
        break;
      default:
        fail("not a SentencePiece model");
    }
    return true;
  }

 private:
  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) fail("truncated");
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(take(1)[0]);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    fail("an integer of more than 64 bits");
  }

  std::string_view rest_;
};

SentencePiece parse_piece(std::string_view bytes, std::size_t id) {
  SentencePiece piece;
  Message message(bytes);
  for (Field field; message.next(field);) {
    if (field.number == 1) piece.text = field.as_bytes("piece");
    if (field.number == 2) piece.score = field.as_float("score");
    if (field.number == 3) piece.type = field.as_integer("type");
  }
  if (piece.text.empty() || repair_utf8(piece.text) != piece.text) {
    fail(fmt::format("piece {} is empty or not UTF-8", id));
  }
  if (!std::isfinite(piece.score)) fail(fmt::format("piece {} has no finite score", id));
  return piece;
}

SentencePieceModel parse(std::string_view bytes) {
  SentencePieceModel model;
  Message message(bytes);
  for (Field field; message.next(field);) {
    if (field.number == 1) {
      model.pieces.push_back(parse_piece(field.as_bytes("pieces"), model.pieces.size()));
    } else if (field.number == 2) {
      Message trainer(field.as_bytes("trainer_spec"));
      for (Field inner; trainer.next(inner);) {
        if (inner.number == 3) model.model_type = inner.as_integer("trainer_spec.model_type");
        if (inner.number == 40) model.unknown_id = inner.as_integer("trainer_spec.unk_id");
      }
    } else if (field.number == 3) {
      Message normalizer(field.as_bytes("normalizer_spec"));
      for (Field inner; normalizer.next(inner);) {
        if (inner.number == 2) model.charsmap = inner.as_bytes("precompiled_charsmap");
      }
    }
  }
  return model;
}

}  // namespace

base::Result<SentencePieceModel> parse_sentence_piece(std::string_view bytes,
                                                      const std::string& source) {
  try {
    return parse(bytes);
  } catch (const base::Error& error) {
    return error.status().with_context(source);
  }
}

}  // namespace zoetrope::text
