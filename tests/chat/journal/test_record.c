/* Records of the journal: what is written is found, and what is damaged is skipped. */
#include <criterion/criterion.h>
#include <string.h>

#include "chat/journal/record.h"

static const struct record said = {.type = RECORD_LINE,
                                   .stamp_ns = INT64_C(1700000000123456789),
                                   .room = "#tea",
                                   .room_bytes = 4,
                                   .text = "#tea <ann> h\xc3\xa9llo",
                                   .text_bytes = 17};

static size_t put(char *to, const struct record *record)
{
    record_write(record, to);
    return record_size(record);
}

static void check_same(const struct record *found, const struct record *written)
{
    cr_assert_eq(found->type, written->type);
    cr_assert_eq(found->stamp_ns, written->stamp_ns);
    cr_assert_eq(found->room_bytes, written->room_bytes);
    cr_assert_eq(strncmp(found->room, written->room ? written->room : "", written->room_bytes), 0);
    cr_assert_eq(found->text_bytes, written->text_bytes);
    cr_assert_eq(strncmp(found->text, written->text ? written->text : "", written->text_bytes), 0);
}

/* RFC 3720, appendix B.4, and the usual "123456789". */
Test(record, the_checksum_is_crc_32c)
{
    uint8_t bytes[32];
    cr_assert_eq(record_checksum(0, "123456789", 9), 0xE3069283);
    cr_assert_eq(record_checksum(0, memset(bytes, 0, 32), 32), 0x8A9136AA);
    cr_assert_eq(record_checksum(0, memset(bytes, 0xFF, 32), 32), 0x62A8AB43);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    cr_assert_eq(record_checksum(0, bytes, 32), 0x46DD794E);
    cr_assert_eq(record_checksum(record_checksum(0, bytes, 5), bytes + 5, 27), 0x46DD794E);
}

Test(record, what_is_written_is_found)
{
    char bytes[128];
    struct record found;
    size_t size = put(bytes, &said);
    struct record_found at = record_find(bytes, size, &found);
    cr_assert_eq(at.outcome, RECORD_GOOD);
    cr_assert_eq(at.bytes, size);
    check_same(&found, &said);
}

Test(record, a_record_without_room_and_text_is_whole)
{
    char bytes[128];
    struct record found;
    struct record end = {.type = RECORD_END, .stamp_ns = INT64_MIN};
    size_t size = put(bytes, &end);
    cr_assert_eq(record_find(bytes, size, &found).outcome, RECORD_GOOD);
    check_same(&found, &end);
}

Test(record, every_beginning_of_a_record_is_partial)
{
    char bytes[128];
    struct record found;
    size_t size = put(bytes, &said);
    for (size_t part = 1; part < size; part++)
        cr_assert_eq(record_find(bytes, part, &found).outcome, RECORD_PARTIAL, "%zu", part);
}

/* A changed length may make the record look as if it went on behind the window. */
Test(record, every_changed_bit_is_noticed)
{
    char bytes[128];
    struct record found;
    size_t size = put(bytes, &said);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        cr_assert_neq(record_find(bytes, size, &found).outcome, RECORD_GOOD, "bit %zu", bit);
        bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    cr_assert_eq(record_find(bytes, size, &found).outcome, RECORD_GOOD);
}

Test(record, damage_is_skipped_up_to_the_next_record)
{
    char bytes[256] = "xyz\xffjunk";
    struct record found;
    size_t size = 8 + put(bytes + 8, &said);
    struct record_found at = record_find(bytes, size, &found);
    cr_assert_eq(at.outcome, RECORD_DAMAGED);
    cr_assert_eq(at.bytes, 3);
    at = record_find(bytes + 3, size - 3, &found);
    cr_assert_neq(at.outcome, RECORD_GOOD);
    cr_assert_eq(at.bytes, 5);
    cr_assert_eq(record_find(bytes + 8, size - 8, &found).outcome, RECORD_GOOD);
    cr_assert_eq(record_find("xyz", 3, &found).bytes, 3, "nothing to look at is left");
}

Test(record, a_type_of_a_later_version_is_no_damage)
{
    char bytes[128];
    struct record found;
    struct record later = said;
    later.type = 200;
    size_t size = put(bytes, &later);
    cr_assert_eq(record_find(bytes, size, &found).outcome, RECORD_GOOD);
    cr_assert_eq(found.type, 200);
}

Test(record, a_length_beyond_the_limit_is_damage_and_one_at_it_is_not)
{
    static char text[RECORD_CONTENT_MAX];
    static char bytes[RECORD_HEAD_BYTES + RECORD_CONTENT_MAX];
    struct record found;
    struct record longest = {.type = RECORD_TOPIC, .text = text, .text_bytes = sizeof(text) - 9};
    cr_assert_eq(put(bytes, &longest), sizeof(bytes));
    cr_assert_eq(record_find(bytes, sizeof(bytes), &found).outcome, RECORD_GOOD);
    bytes[2]++;
    cr_assert_eq(record_find(bytes, sizeof(bytes), &found).outcome, RECORD_DAMAGED);
    cr_assert_eq(record_find(bytes, RECORD_HEAD_BYTES, &found).outcome, RECORD_DAMAGED);
}

/* A name's length that points behind the content, with a checksum that is right. */
Test(record, lengths_inside_the_content_are_checked)
{
    char bytes[128];
    struct record found;
    struct record wrong = {.type = RECORD_LINE, .room = "#x", .room_bytes = 2};
    size_t size = put(bytes, &wrong);
    bytes[RECORD_HEAD_BYTES + 8] = 3;
    uint32_t crc = record_checksum(0, bytes + 1, 5);
    crc = record_checksum(crc, bytes + RECORD_HEAD_BYTES, size - RECORD_HEAD_BYTES);
    for (int i = 0; i < 4; i++)
        bytes[6 + i] = (char)(crc >> 8 * i);
    cr_assert_eq(record_find(bytes, size, &found).outcome, RECORD_DAMAGED);
}
