#include "preview.hpp"

#include "../image/slots.hpp"
#include "layout.hpp"
#include "objects.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace pycds::cpython {

namespace {

using image::Reference;
using image::ReferenceKind;
using image::RuntimeKind;
using image::RuntimeSingleton;
using image::RuntimeType;
using Bytes = std::span<const std::byte>;

constexpr std::size_t longest = 70;
const std::string unknown = "?";

// The fixed part of an object, copied so that it is aligned; nullopt where the bytes end too early.
template <typename Struct>
std::optional<Struct> head(Bytes bytes, std::size_t size = sizeof(Struct)) noexcept {
    if (bytes.size() < size) {
        return std::nullopt;
    }
    Struct value;
    std::memset(static_cast<void*>(&value), 0, sizeof(value));
    std::memcpy(static_cast<void*>(&value), bytes.data(), size);
    return value;
}

std::string hexadecimal(std::uint32_t value, int digits) {
    static constexpr char characters[] = "0123456789abcdef";
    std::string text;
    for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) {
        text += characters[(value >> shift) & 15];
    }
    return text;
}

void append_utf8(std::string& text, std::uint32_t point) {
    const auto tail = [&](int shift) { text += static_cast<char>(0x80 | ((point >> shift) & 0x3F)); };
    if (point < 0x80) {
        text += static_cast<char>(point);
    } else if (point < 0x800) {
        text += static_cast<char>(0xC0 | (point >> 6));
        tail(0);
    } else if (point < 0x10000) {
        text += static_cast<char>(0xE0 | (point >> 12));
        tail(6);
        tail(0);
    } else {
        text += static_cast<char>(0xF0 | (point >> 18));
        tail(12);
        tail(6);
        tail(0);
    }
}

// As in a literal; what a terminal could not show is escaped.
void append_character(std::string& text, std::uint32_t point, bool is_text) {
    if (point == '\'' || point == '\\') {
        text += '\\';
        text += static_cast<char>(point);
    } else if (point == '\n') {
        text += "\\n";
    } else if (point >= 0x20 && point < 0x7F) {
        text += static_cast<char>(point);
    } else if (point < 0xA1 || !is_text) {
        text += "\\x" + hexadecimal(point, 2);
    } else if (point >= 0xD800 && point < 0xE000) {
        text += "\\u" + hexadecimal(point, 4);
    } else if (point > 0x10FFFF) {
        text += unknown;
    } else {
        append_utf8(text, point);
    }
}

std::string character(std::int32_t value) {
    std::string text = "'";
    append_character(text, static_cast<std::uint32_t>(value) & 0xFF, true);
    return text + "'";
}

std::uint32_t code_point(Bytes data, unsigned kind, std::size_t i) noexcept {
    switch (kind) {
    case 1:
        return image::load<std::uint8_t>(data, i);
    case 2:
        return image::load<std::uint16_t>(data, i * 2);
    default:
        return image::load<std::uint32_t>(data, i * 4);
    }
}

std::string string(Bytes bytes) {
    const auto ascii = head<PyASCIIObject>(bytes);
    if (!ascii) {
        return unknown;
    }
    const std::size_t header = ascii->state.ascii ? sizeof(PyASCIIObject) : sizeof(PyCompactUnicodeObject);
    const unsigned kind = ascii->state.kind;
    const auto length = static_cast<std::size_t>(ascii->length);
    if ((kind != 1 && kind != 2 && kind != 4) || bytes.size() < header || length > (bytes.size() - header) / kind) {
        return unknown;
    }
    std::string text = "'";
    for (std::size_t i = 0; i < length; ++i) {
        if (text.size() > longest) {
            return text + "...";
        }
        append_character(text, code_point(bytes.subspan(header), kind, i), true);
    }
    return text + "'";
}

std::string byte_string(Bytes bytes) {
    constexpr std::size_t header = offsetof(PyBytesObject, ob_sval);
    const auto object = head<PyVarObject>(bytes);
    if (!object || bytes.size() < header || static_cast<std::size_t>(object->ob_size) > bytes.size() - header) {
        return unknown;
    }
    std::string text = "b'";
    for (std::size_t i = 0; i < static_cast<std::size_t>(object->ob_size); ++i) {
        if (text.size() > longest) {
            return text + "...";
        }
        append_character(text, image::load<std::uint8_t>(bytes, header + i), false);
    }
    return text + "'";
}

// Decimal where 64 bits hold it, hexadecimal where it fits the line.
std::string integer(Bytes bytes) {
    const auto object = head<PyLongObject>(bytes, layout::Integer::digits_offset());
    if (!object) {
        return unknown;
    }
    const std::size_t count = layout::Integer::digit_count(*object);
    if (count == 0 || count > (bytes.size() - layout::Integer::digits_offset()) / sizeof(digit)) {
        return unknown;
    }
    const auto digit_at = [&](std::size_t i) {
        return image::load<digit>(bytes, layout::Integer::digits_offset() + i * sizeof(digit));
    };
    const std::string sign = layout::Integer::is_negative(*object) ? "-" : "";
    if (count <= 2) {
        const std::uint64_t value = digit_at(0) | (count == 2 ? std::uint64_t{digit_at(1)} << PyLong_SHIFT : 0);
        return sign + std::to_string(value);
    }
    if (count * PyLong_SHIFT / 4 > longest) {
        return "int of about " + std::to_string(count * PyLong_SHIFT) + " bits";
    }
    std::string reversed;
    for (std::size_t nibble = 0; nibble * 4 < count * PyLong_SHIFT; ++nibble) {
        std::uint32_t value = 0;
        for (std::size_t bit = nibble * 4; bit < nibble * 4 + 4 && bit / PyLong_SHIFT < count; ++bit) {
            value |= ((digit_at(bit / PyLong_SHIFT) >> (bit % PyLong_SHIFT)) & 1) << (bit % 4);
        }
        reversed += hexadecimal(value, 1);
    }
    reversed.erase(reversed.find_last_not_of('0') + 1);
    return sign + "0x" + std::string(reversed.rbegin(), reversed.rend());
}

std::string real(double value, int flags) {
    char* formatted = PyOS_double_to_string(value, 'r', 0, flags, nullptr);
    if (formatted == nullptr) {
        throw PythonError();
    }
    const std::string text(formatted);
    PyMem_Free(formatted);
    return text;
}

std::string floating(Bytes bytes) {
    const auto object = head<PyFloatObject>(bytes);
    return object ? real(object->ob_fval, Py_DTSF_ADD_DOT_0) : unknown;
}

std::string complex(Bytes bytes) {
    const auto object = head<PyComplexObject>(bytes);
    return object ? "(" + real(object->cval.real, 0) + real(object->cval.imag, Py_DTSF_SIGN) + "j)" : unknown;
}

std::string singleton(std::int32_t value) {
    switch (static_cast<RuntimeSingleton>(value)) {
    case RuntimeSingleton::none:
        return "None";
    case RuntimeSingleton::true_:
        return "True";
    case RuntimeSingleton::false_:
        return "False";
    case RuntimeSingleton::ellipsis:
        return "...";
    case RuntimeSingleton::empty_tuple:
        return "()";
    case RuntimeSingleton::empty_bytes:
        return "b''";
    case RuntimeSingleton::empty_string:
        return "''";
    }
    return unknown;
}

std::string runtime_object(Reference reference) {
    const std::int32_t value = reference.runtime_value();
    switch (static_cast<RuntimeKind>(reference.runtime_kind())) {
    case RuntimeKind::singleton:
        return singleton(value);
    case RuntimeKind::small_int:
        return std::to_string(value);
    case RuntimeKind::character:
    case RuntimeKind::interned_char:
        return character(value);
    case RuntimeKind::byte: {
        std::string text = "b'";
        append_character(text, static_cast<std::uint32_t>(value) & 0xFF, false);
        return text + "'";
    }
    case RuntimeKind::type:
        break;
    }
    return unknown;
}

// Nested values are cut where they are, so that a line stays one.
std::string joined(const std::string& opening, const std::vector<std::string>& items, bool complete,
                   const std::string& closing) {
    std::string text = opening;
    for (std::size_t i = 0; i < items.size(); ++i) {
        text += (i == 0 ? "" : ", ") + items[i];
    }
    return text + (complete ? "" : items.empty() ? "..." : ", ...") + closing;
}

// Calls item(i) until there are `count` or the line is full.
template <typename Item>
std::pair<std::vector<std::string>, bool> listed(std::size_t count, Item&& item) {
    std::vector<std::string> items;
    std::size_t size = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (size > longest) {
            return {std::move(items), false};
        }
        items.push_back(item(i));
        size += items.back().size() + 2;
    }
    return {std::move(items), true};
}

}  // namespace

std::string Preview::constant(RuntimeType type, std::uint64_t offset) const {
    return object(constants_, type, offset, 0);
}

std::string Preview::object(Bytes section, RuntimeType type, std::uint64_t offset, int depth) const {
    if (offset >= section.size()) {
        return unknown;
    }
    const Bytes bytes = section.subspan(offset);
    switch (type) {
    case RuntimeType::string:
        return string(bytes);
    case RuntimeType::bytes:
        return byte_string(bytes);
    case RuntimeType::integer:
        return integer(bytes);
    case RuntimeType::floating:
        return floating(bytes);
    case RuntimeType::complex:
        return complex(bytes);
    case RuntimeType::tuple:
        return tuple(bytes, depth);
    case RuntimeType::slice:
        return slice(bytes, depth);
    case RuntimeType::code:
        break;
    }
    return unknown;
}

std::string Preview::reference(Reference reference, int depth) const {
    if (depth > deepest) {
        return "...";
    }
    switch (reference.kind()) {
    case ReferenceKind::runtime:
        return runtime_object(reference);
    case ReferenceKind::string:
        return object(strings_, RuntimeType::string, reference.canonical_offset(), depth);
    case ReferenceKind::frozenset:
        return frozenset(reference.canonical_offset(), depth);
    case ReferenceKind::constant: {
        const std::uint64_t slot = reference.offset() + type_slot;
        if (slot + sizeof(Reference) <= constants_.size()) {
            if (const auto type = image::type_at_slot(slot, Reference(image::load<std::uint64_t>(constants_, slot)))) {
                return object(constants_, *type, reference.offset(), depth);
            }
        }
        break;
    }
    case ReferenceKind::null:
    case ReferenceKind::segment:
        break;
    }
    return unknown;
}

std::string Preview::tuple(Bytes bytes, int depth) const {
    const auto object = head<PyVarObject>(bytes);
    if (!object || bytes.size() < tuple_item_slot(0) ||
        static_cast<std::size_t>(object->ob_size) > (bytes.size() - tuple_item_slot(0)) / sizeof(Reference)) {
        return unknown;
    }
    const auto [items, complete] = listed(static_cast<std::size_t>(object->ob_size), [&](std::size_t i) {
        return reference(Reference(image::load<std::uint64_t>(bytes, tuple_item_slot(i))), depth + 1);
    });
    return joined("(", items, complete, object->ob_size == 1 ? ",)" : ")");
}

std::string Preview::slice(Bytes bytes, int depth) const {
    if (bytes.size() < sizeof(PySliceObject)) {
        return unknown;
    }
    const auto slots = slice_slots();
    const auto [items, complete] = listed(slots.size(), [&](std::size_t i) {
        return reference(Reference(image::load<std::uint64_t>(bytes, slots[i])), depth + 1);
    });
    return joined("slice(", items, complete, ")");
}

std::string Preview::frozenset(std::uint64_t offset, int depth) const {
    constexpr std::size_t fixed = sizeof(image::FrozensetRecord);
    if (offset > strings_.size() || strings_.size() - offset < fixed) {
        return unknown;
    }
    const auto record = image::load<image::FrozensetRecord>(strings_, offset);
    if (record.count > (strings_.size() - offset - fixed) / sizeof(Reference)) {
        return unknown;
    }
    const auto [items, complete] = listed(record.count, [&](std::size_t i) {
        return reference(Reference(image::load<std::uint64_t>(strings_, offset + fixed + i * sizeof(Reference))),
                         depth + 1);
    });
    return joined("frozenset({", items, complete, "})");
}

}  // namespace pycds::cpython
