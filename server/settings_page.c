// The table of settings as text: docs/CONFIG.md, the options of --help, and what is no default.

#include <string.h>

#include "server/settings_value.h"

const char *ss_setting_kind_name(enum ss_setting_kind kind)
{
    switch (kind) {
    case SS_SETTING_TEXT: return "text";
    case SS_SETTING_LIST: return "list of texts";
    case SS_SETTING_FLAG: return "flag";
    case SS_SETTING_CHOICE: return "word";
    case SS_SETTING_COUNT: return "count";
    case SS_SETTING_BYTES: return "size";
    case SS_SETTING_DURATION: return "duration";
    }
    return "?";
}

static void print_bounds(const struct ss_setting_row *row, struct ss_buffer *page)
{
    char least[SS_SETTING_NUMBER_BYTES], most[SS_SETTING_NUMBER_BYTES];
    switch (row->kind) {
    case SS_SETTING_TEXT: ss_buffer_format(page, "text, at most %lld bytes", (long long)row->most); return;
    case SS_SETTING_LIST:
        ss_buffer_format(page, "list of %lld to %lld texts", (long long)row->least, (long long)row->most);
        return;
    case SS_SETTING_FLAG: ss_buffer_text(page, "true or false"); return;
    case SS_SETTING_CHOICE:
        for (const char *at = row->words; *at; at++) {
            if (*at == '|')
                ss_buffer_text(page, strchr(at + 1, '|') ? ", " : " or ");
            else
                ss_buffer_byte(page, (uint8_t)*at);
        }
        return;
    default:
        ss_buffer_format(page, "%s, %s to %s", ss_setting_kind_name(row->kind),
                         ss_setting_number_print(row, row->least, least),
                         ss_setting_number_print(row, row->most, most));
    }
}

static const char head[] =
    "# Settings of the server\n"
    "\n"
    "This page is printed by the program from its table of settings (`selfsame completion config`); a test "
    "compares the two.\n"
    "\n"
    "`selfsame serve --config FILE` reads a YAML file with any of them; what is not in it has its default. "
    "Each "
    "is an option too, with dashes (`--max-entities 100`), and options win. A list is given as an option by "
    "repeating it; a flag needs no value. All mistakes are told at once, and nothing starts.\n"
    "\n"
    "```yaml\n"
    "listen: [127.0.0.1:7500, 'unix:/run/selfsame/socket', 'tls:0.0.0.0:7502']\n"
    "tls_certificate: /etc/selfsame/server.pem\n"
    "tls_key: /etc/selfsame/server.key\n"
    "max_in_flight: 10k\n"
    "log_format: json\n"
    "```\n"
    "\n"
    "Sizes may end in `k`, `M` or `G` (of 1024), counts too (of 1000). Durations are written `250ms`, `30s`, "
    "`1h30m`.\n"
    "\n"
    "SIGHUP (`systemctl reload selfsame`) reads the file, the tokens and the certificates again. If anything "
    "is "
    "wrong with them, the log says what, and the server goes on with what it had. What changes only at the "
    "next "
    "start is named in the log.\n";

static const char *changes(enum ss_setting_reload reload)
{
    switch (reload) {
    case SS_FIXED: return "at the next start";
    case SS_LIVE: return "on SIGHUP";
    case SS_CONTENT: return "what is in the file: on SIGHUP; its name: at the next start";
    }
    return "?";
}

void ss_settings_print_reference(struct ss_buffer *page)
{
    ss_buffer_text(page, head);
    ss_buffer_text(page,
                   "\n| setting | default | may be | changes | what it does |\n|---|---|---|---|---|\n");
    for (size_t id = 0; id < SS_SETTING_IDS; id++) {
        const struct ss_setting_row *row = &ss_setting_rows[id];
        ss_buffer_format(page, "| `%s` | ", row->name);
        ss_buffer_format(page, *row->default_text ? "`%s`" : "%s", row->default_text);
        ss_buffer_text(page, " | ");
        print_bounds(row, page);
        ss_buffer_format(page, " | %s | %s |\n", changes(row->reload), row->text);
    }
}

// The text in lines of at most `width`, each behind `indent` blanks but the first.
static void print_wrapped(const char *text, size_t indent, size_t width, struct ss_buffer *page)
{
    size_t column = 0;
    while (*text) {
        const size_t word = strcspn(text, " ");
        if (column && column + 1 + word > width) {
            ss_buffer_format(page, "\n%*s", (int)indent, "");
            column = 0;
        }
        if (column) ss_buffer_byte(page, ' ');
        ss_buffer_append(page, text, word);
        column += word + (column > 0);
        text += word + (text[word] == ' ');
    }
    ss_buffer_byte(page, '\n');
}

static const char *value_word(enum ss_setting_kind kind)
{
    switch (kind) {
    case SS_SETTING_TEXT: return " TEXT";
    case SS_SETTING_LIST: return " TEXT...";
    case SS_SETTING_FLAG: return "";
    case SS_SETTING_CHOICE: return " WORD";
    case SS_SETTING_COUNT: return " COUNT";
    case SS_SETTING_BYTES: return " SIZE";
    case SS_SETTING_DURATION: return " TIME";
    }
    return "";
}

void ss_settings_print_help(struct ss_buffer *page)
{
    enum { COLUMN = 30, WIDTH = 76 };
    for (size_t id = 0; id < SS_SETTING_IDS; id++) {
        const struct ss_setting_row *row = &ss_setting_rows[id];
        const size_t start = page->size;
        ss_buffer_text(page, "  --");
        for (const char *at = row->name; *at; at++) ss_buffer_byte(page, (uint8_t)(*at == '_' ? '-' : *at));
        ss_buffer_text(page, value_word(row->kind));
        const size_t used = page->size - start;
        ss_buffer_format(page, "%*s", used < COLUMN ? (int)(COLUMN - used) : 2, "");
        struct ss_buffer text = {0};
        ss_buffer_text(&text, row->text);
        if (row->words) ss_buffer_format(&text, " One of %s.", row->words);
        if (*row->default_text && row->kind != SS_SETTING_FLAG)
            ss_buffer_format(&text, " Default: %s.", row->default_text);
        ss_buffer_byte(&text, 0);
        if (text.failed)
            page->failed = true;
        else
            print_wrapped((const char *)text.data, COLUMN, WIDTH, page);
        ss_buffer_release(&text);
    }
}

void ss_settings_print_given(const struct ss_settings *settings, struct ss_buffer *line)
{
    for (size_t id = 0; id < SS_SETTING_IDS; id++) {
        if (settings->origins[id] == SS_FROM_DEFAULT) continue;
        ss_buffer_format(line, "%s%s=", line->size ? " " : "", ss_setting_rows[id].name);
        for (size_t i = 0; i < settings->texts[id].count; i++)
            ss_buffer_format(line, "%s%s", i ? "," : "", settings->texts[id].items[i]);
    }
}
