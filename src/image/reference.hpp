#pragma once

// A reference as it stands in a pointer slot of the file, before linking replaces it by an address.
//
//   bits 0–2   kind
//   bits 3–63  payload, by kind:
//     segment    offset within the segment
//     constant   offset within the section `constants`
//     string     bits 3–30 number in the canonical table, bits 31–63 offset within the section `strings` / 16
//     frozenset  as string
//     runtime    bits 3–30 number in the table of runtime objects: RuntimeKind * 2048 + value + 5; bits 31–63 zero
//
// Strings, frozensets and runtime objects are looked up by number in a table of their kind, so that linking has two
// cases only: add an offset, or load from a table.

#include <cstdint>

namespace pycds::image {

enum class ReferenceKind : std::uint8_t { null = 0, segment = 1, constant = 2, string = 3, frozenset = 4, runtime = 5 };

// Objects that the runtime owns and that code must share with it.
enum class RuntimeKind : std::uint8_t {
    type,           // value: RuntimeType
    singleton,      // value: RuntimeSingleton
    small_int,      // value: the integer
    character,      // value: code point below 256
    interned_char,  // the same, and canonical
    byte,           // value: 0–255
};
inline constexpr std::uint8_t runtime_kind_count = 6;

enum class RuntimeType : std::uint8_t { code, string, bytes, integer, floating, complex, tuple, slice };
inline constexpr std::uint8_t runtime_type_count = 8;

enum class RuntimeSingleton : std::uint8_t { none, true_, false_, ellipsis, empty_tuple, empty_bytes, empty_string };
inline constexpr std::uint8_t runtime_singleton_count = 7;

// Values of a kind lie between -runtime_bias (the smallest small int) and below runtime_values - runtime_bias.
inline constexpr std::uint32_t runtime_values = 2048;
inline constexpr std::int32_t runtime_bias = 5;
inline constexpr std::uint32_t runtime_table_size = runtime_kind_count * runtime_values;

inline constexpr std::uint32_t max_canonicals = 1U << 28;

class Reference {
  public:
    constexpr Reference() noexcept = default;
    constexpr explicit Reference(std::uint64_t bits) noexcept : bits_(bits) {}

    [[nodiscard]] static constexpr Reference to_segment(std::uint64_t offset) noexcept {
        return make(ReferenceKind::segment, offset << 3);
    }
    [[nodiscard]] static constexpr Reference to_constant(std::uint64_t offset) noexcept {
        return make(ReferenceKind::constant, offset << 3);
    }
    [[nodiscard]] static constexpr Reference to_string(std::uint32_t number, std::uint64_t offset) noexcept {
        return canonical(ReferenceKind::string, number, offset);
    }
    [[nodiscard]] static constexpr Reference to_frozenset(std::uint32_t number, std::uint64_t offset) noexcept {
        return canonical(ReferenceKind::frozenset, number, offset);
    }
    [[nodiscard]] static constexpr Reference to_runtime(RuntimeKind kind, std::int32_t value) noexcept {
        const auto number =
            static_cast<std::uint32_t>(kind) * runtime_values + static_cast<std::uint32_t>(value + runtime_bias);
        return make(ReferenceKind::runtime, static_cast<std::uint64_t>(number) << 3);
    }
    [[nodiscard]] static constexpr Reference to_type(RuntimeType type) noexcept {
        return to_runtime(RuntimeKind::type, static_cast<std::int32_t>(type));
    }
    [[nodiscard]] static constexpr Reference to_singleton(RuntimeSingleton singleton) noexcept {
        return to_runtime(RuntimeKind::singleton, static_cast<std::int32_t>(singleton));
    }

    [[nodiscard]] constexpr std::uint64_t bits() const noexcept { return bits_; }
    [[nodiscard]] constexpr ReferenceKind kind() const noexcept { return static_cast<ReferenceKind>(bits_ & 7); }
    [[nodiscard]] constexpr std::uint64_t offset() const noexcept { return bits_ >> 3; }  // segment, constant
    [[nodiscard]] constexpr std::uint32_t number() const noexcept {                       // all but segment, constant
        return static_cast<std::uint32_t>(bits_ >> 3) & (max_canonicals - 1);
    }
    [[nodiscard]] constexpr std::uint64_t canonical_offset() const noexcept { return (bits_ >> 31) << 4; }
    [[nodiscard]] constexpr std::uint8_t runtime_kind() const noexcept {
        return static_cast<std::uint8_t>(number() / runtime_values);
    }
    [[nodiscard]] constexpr std::int32_t runtime_value() const noexcept {
        return static_cast<std::int32_t>(number() % runtime_values) - runtime_bias;
    }
    friend constexpr bool operator==(Reference, Reference) noexcept = default;

  private:
    static constexpr Reference make(ReferenceKind kind, std::uint64_t payload) noexcept {
        return Reference{payload | static_cast<std::uint64_t>(kind)};
    }
    static constexpr Reference canonical(ReferenceKind kind, std::uint32_t number, std::uint64_t offset) noexcept {
        return make(kind, ((offset >> 4) << 31) | (static_cast<std::uint64_t>(number) << 3));
    }

    std::uint64_t bits_ = 0;
};
static_assert(sizeof(Reference) == 8);

}  // namespace pycds::image
