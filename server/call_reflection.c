// Server reflection, v1 and v1alpha, which differ in name alone: any tool can list what there is and call it.
//
// The descriptors of every .proto file are in the binary as protoc wrote them (a FileDescriptorSet, files
// after those they import). They are looked through in place: a file is a run of bytes that is given out as
// it stands.

#include "server/call.h"
#include "server/methods.h"

extern const unsigned char ss_descriptors[];
extern const size_t ss_descriptors_size;

// In google/protobuf/descriptor.proto.
enum {
    SET_FILE = 1,
    FILE_NAME = 1,
    FILE_PACKAGE = 2,
    FILE_IMPORT = 3,
    FILE_MESSAGE = 4,
    FILE_ENUM = 5,
    FILE_SERVICE = 6
};
enum { MESSAGE_NAME = 1, MESSAGE_NESTED = 3, MESSAGE_ENUM = 4 };
enum { SERVICE_NAME = 1, SERVICE_METHOD = 2 };

enum { ASKS_FILE = 3, ASKS_SYMBOL, ASKS_EXTENSION, ASKS_EXTENSION_NUMBERS, ASKS_SERVICES };
enum { ANSWER_REQUEST = 2, ANSWER_FILES = 4, ANSWER_SERVICES = 6, ANSWER_ERROR = 7 };
#define CODE_NOT_FOUND     5
#define CODE_UNIMPLEMENTED 12
#define FILES_MAX          16

static bool next_file(struct ss_message *set, struct ss_bytes *file)
{
    struct ss_field field;
    while (ss_message_next(set, &field))
        if (field.number == SET_FILE) {
            *file = field.bytes;
            return true;
        }
    return false;
}

static struct ss_message all_files(void)
{
    return ss_message_of((struct ss_bytes){(const char *)ss_descriptors, ss_descriptors_size});
}

static struct ss_bytes text_field(struct ss_bytes bytes, uint32_t number)
{
    struct ss_message message = ss_message_of(bytes);
    struct ss_field field;
    while (ss_message_next(&message, &field))
        if (field.number == number) return field.bytes;
    return (struct ss_bytes){0};
}

// Takes "name" or "name." off the symbol.
static bool takes(struct ss_bytes *symbol, struct ss_bytes name)
{
    if (name.size > symbol->size || memcmp(name.data, symbol->data, name.size) != 0) return false;
    const struct ss_bytes rest = {symbol->data + name.size, symbol->size - name.size};
    if (rest.size && rest.data[0] != '.') return false;
    *symbol = rest.size ? (struct ss_bytes){rest.data + 1, rest.size - 1} : rest;
    return true;
}

static bool has_method(struct ss_bytes service, struct ss_bytes name)
{
    struct ss_message message = ss_message_of(service);
    struct ss_field field;
    while (ss_message_next(&message, &field))
        if (field.number == SERVICE_METHOD && ss_bytes_equal(text_field(field.bytes, 1), name)) return true;
    return false;
}

static bool declares(struct ss_bytes file, struct ss_bytes symbol)
{
    struct ss_message message = ss_message_of(file);
    struct ss_field field;
    if (!takes(&symbol, text_field(file, FILE_PACKAGE))) return false;
    while (ss_message_next(&message, &field)) {
        if (field.number < FILE_MESSAGE || field.number > FILE_SERVICE) continue;
        struct ss_bytes rest = symbol;
        if (!takes(&rest, text_field(field.bytes, 1))) continue;
        // Names in a message are those of its fields and nested types: its file is the answer for all of
        // them.
        if (rest.size == 0 || field.number == FILE_MESSAGE) return true;
        if (field.number == FILE_SERVICE && has_method(field.bytes, rest)) return true;
    }
    return false;
}

// ---- Answers

static void put_field(struct ss_buffer *buffer, uint32_t number, const void *data, size_t size)
{
    ss_buffer_byte(buffer, (uint8_t)(number << 3 | SS_WIRE_BYTES));
    ss_buffer_varint(buffer, size);
    ss_buffer_append(buffer, data, size);
}

static bool is_taken(const struct ss_bytes *files, size_t count, const char *data)
{
    for (size_t i = 0; i < count; i++)
        if (files[i].data == data) return true;
    return false;
}

// The file and those it imports.
static void put_files(struct ss_bytes file, struct ss_buffer *answer)
{
    struct ss_bytes files[FILES_MAX] = {file};
    struct ss_buffer list = {0};
    size_t count = 1;
    for (size_t i = 0; i < count; i++) {
        struct ss_message message = ss_message_of(files[i]);
        struct ss_field field;
        put_field(&list, 1, files[i].data, files[i].size);
        while (ss_message_next(&message, &field)) {
            struct ss_message set = all_files();
            struct ss_bytes other;
            if (field.number != FILE_IMPORT) continue;
            while (next_file(&set, &other))
                if (ss_bytes_equal(text_field(other, FILE_NAME), field.bytes) && count < FILES_MAX &&
                    !is_taken(files, count, other.data))
                    files[count++] = other;
        }
    }
    put_field(answer, ANSWER_FILES, list.data, list.size);
    answer->failed = answer->failed || list.failed;
    ss_buffer_release(&list);
}

static void put_services(struct ss_buffer *answer)
{
    struct ss_buffer list = {0}, name = {0}, service = {0};
    struct ss_message set = all_files();
    struct ss_bytes file;
    while (next_file(&set, &file)) {
        const struct ss_bytes package = text_field(file, FILE_PACKAGE);
        struct ss_message message = ss_message_of(file);
        struct ss_field field;
        while (ss_message_next(&message, &field)) {
            if (field.number != FILE_SERVICE) continue;
            const struct ss_bytes own = text_field(field.bytes, SERVICE_NAME);
            ss_buffer_clear(&name);
            ss_buffer_clear(&service);
            ss_buffer_format(&name, "%.*s.%.*s", (int)package.size, package.data, (int)own.size, own.data);
            put_field(&service, 1, name.data, name.size);
            put_field(&list, 1, service.data, service.size);
        }
    }
    put_field(answer, ANSWER_SERVICES, list.data, list.size);
    answer->failed = answer->failed || list.failed || name.failed || service.failed;
    ss_buffer_release(&list);
    ss_buffer_release(&name);
    ss_buffer_release(&service);
}

static void put_error(int code, const char *text, struct ss_buffer *answer)
{
    struct ss_buffer error = {0};
    ss_buffer_byte(&error, 1 << 3 | SS_WIRE_VARINT);
    ss_buffer_varint(&error, (uint64_t)code);
    put_field(&error, 2, text, strlen(text));
    put_field(answer, ANSWER_ERROR, error.data, error.size);
    ss_buffer_release(&error);
}

static void find_file(struct ss_bytes name, bool is_symbol, struct ss_buffer *answer)
{
    struct ss_message set = all_files();
    struct ss_bytes file;
    while (next_file(&set, &file)) {
        if (is_symbol ? !declares(file, name) : !ss_bytes_equal(text_field(file, FILE_NAME), name)) continue;
        put_files(file, answer);
        return;
    }
    put_error(CODE_NOT_FOUND, is_symbol ? "no file declares this symbol" : "no file has this name", answer);
}

static void on_message(struct ss_call *call, struct ss_bytes bytes, grpc_slice slice)
{
    struct ss_message message = ss_message_of(bytes);
    struct ss_field field, asked = {0};
    struct ss_buffer answer = {0};
    struct ss_error error;
    (void)slice;
    while (ss_message_next(&message, &field))
        if (field.number >= ASKS_FILE && field.number <= ASKS_SERVICES && field.type == SS_WIRE_BYTES)
            asked = field;
    put_field(&answer, ANSWER_REQUEST, bytes.data, bytes.size);
    if (asked.number == ASKS_SERVICES)
        put_services(&answer);
    else if (asked.number == ASKS_FILE || asked.number == ASKS_SYMBOL)
        find_file(asked.bytes, asked.number == ASKS_SYMBOL, &answer);
    else
        put_error(CODE_UNIMPLEMENTED, "nothing that this server knows was asked for", &answer);
    if (message.failed || answer.failed) {
        ss_fail(&error, message.failed ? SS_INVALID : SS_OUT_OF_MEMORY, "%s",
                message.failed ? "the request is no ServerReflectionRequest: its bytes are malformed"
                               : "out of memory");
        ss_call_fail(call, &error);
    } else {
        ss_call_send(call, grpc_slice_from_copied_buffer((const char *)answer.data, answer.size));
    }
    ss_buffer_release(&answer);
}

// Whoever does not take the answers gets no more.
static void on_sent(struct ss_call *call)
{
    ss_call_read(call);
}

static const struct ss_method reflection_method = {
    .path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    .is_open = true,
    .metric = SS_METRIC_METHOD_REFLECTION,
    .message = on_message,
    .sent = on_sent};
static const struct ss_method reflection_alpha_method = {
    .path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    .is_open = true,
    .metric = SS_METRIC_METHOD_REFLECTION,
    .message = on_message,
    .sent = on_sent};

const struct ss_method *const ss_method_reflection = &reflection_method;
const struct ss_method *const ss_method_reflection_alpha = &reflection_alpha_method;
