#include "chat/session/roll.h"

#include <assert.h>
#include <string.h>

#include "chat/text/text.h"

void roll_put(struct roll *roll, const char *text)
{
    size_t length = strlen(text);
    assert(roll->length + length < sizeof(roll->text));
    memcpy(roll->text + roll->length, text, length + 1);
    roll->length += length;
}

void roll_put_number(struct roll *roll, uint32_t number)
{
    char digits[TEXT_NUMBER];
    (void)text_put_number(digits, number);
    roll_put(roll, digits);
}

void roll_begin(struct roll *roll, const char *before)
{
    roll->length = 0;
    roll->names = 0;
    roll_put(roll, before);
}

bool roll_add(struct roll *roll, const char *name, const char *remark)
{
    const char *between = roll->names > 0 ? ", " : "";
    if (roll->length + strlen(between) + strlen(name) + strlen(remark) >= sizeof(roll->text))
        return false;
    roll_put(roll, between);
    roll_put(roll, name);
    roll_put(roll, remark);
    roll->names++;
    return true;
}
