#include "reactor/examples/site.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "reactor/examples/http.h"

#define PIECE_BYTES 8

static const char missing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
static const char cut_off[] = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<a href=\"/nev";
static const char garbled[] = "It is Tuesday.\r\n\r\n";
static const char moved[] = "HTTP/1.1 302 Found\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n";
static const char moved_back[] = "HTTP/1.1 302 Found\r\nLocation: /circle\r\n"
                                 "Content-Length: 0\r\n\r\n";
static const char in_chunks[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "B\r\n<a href=\"to\r\n"
                                "1C;x=y\r\nday\">Today</a> <a href=\"old/\r\n"
                                "9\r\n\">Old</a>\r\n"
                                "0\r\nX-Trailer: yes\r\n\r\n";
static char abroad[SITE_URL_BYTES + 40]; /* a link to the other site */

/* The pages. Their first replies may be something else than their text. */
static struct resource {
    int site;
    const char *path;
    const char *text;
    const char *instead; /* a whole reply, so many times; UINT_MAX: for ever */
    unsigned times;
    unsigned asked;
} resources[] = {
    {.path = "/",
     .text = "<a href=\"/news/\">News</a> <a href=\"/busy\">Busy</a> <a href=\"/down\">Down</a> "
             "<a href=\"/cut\">Cut</a> <a href=\"/garbled\">Garbled</a> <a href=\"/\">Home</a> "
             "<a href=\"/missing\">Missing</a> <a href=\"/circle\">Circle</a> "
             "<a href=\"/links#top\">Links</a> <a href=\"mailto:ann\">Ann</a>"},
    {.path = "/news/", .instead = in_chunks, .times = UINT_MAX},
    {.path = "/news/today", .text = "<a href=\"/\">Home</a> <a href=\"/busy\">Busy</a>"},
    {.path = "/news/old/", .text = "<a href=\"1\">1</a> <a href=\"/cut\">Cut</a>"},
    {.path = "/news/old/1", .text = "<a href=\"2\">2</a>"},
    {.path = "/news/old/2", .text = "<a href=\"3\">further away than the crawler goes</a>"},
    {.path = "/busy", .text = "<a href=\"/news/old/1\">1</a>", .instead = busy, .times = 2},
    {.path = "/down", .instead = busy, .times = UINT_MAX},
    {.path = "/cut", .text = "<a href=\"/\">Home</a>", .instead = cut_off, .times = 1},
    {.path = "/garbled", .instead = garbled, .times = UINT_MAX},
    {.path = "/circle", .instead = moved, .times = UINT_MAX},
    {.path = "/round", .instead = moved_back, .times = UINT_MAX},
    {.path = "/links", .text = abroad},
    {.site = 1, .path = "/", .text = "<a href=\"/guide\">Guide</a>"},
    {.site = 1, .path = "/guide", .text = "<a href=\"/\">Home</a>"},
};

/* A connection. */
struct visitor {
    struct connection its;
    struct frame frame;
    int rc;
    struct http_request request;
    char reply[1000];
    size_t size;
    size_t sent;
    bool whole; /* behind a reply that isn't, the connection ends */
};

static struct service sites[2];

static struct resource *find(const struct service *site, const char *path)
{
    for (size_t i = 0; i < sizeof(resources) / sizeof(*resources); i++)
        if (&sites[resources[i].site] == site && strcmp(resources[i].path, path) == 0)
            return &resources[i];
    return NULL;
}

static void compose(struct visitor *visitor)
{
    struct resource *page = find(visitor->its.service, visitor->request.path);
    const char *instead = missing;
    int size;
    if (page)
        instead = page->asked++ < page->times ? page->instead : NULL;
    if (instead)
        size = snprintf(visitor->reply, sizeof(visitor->reply), "%s", instead);
    else
        size = snprintf(visitor->reply, sizeof(visitor->reply),
                        "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(page->text),
                        page->text);
    visitor->size = (size_t)size;
    visitor->whole = instead != cut_off;
}

static int say_piece(struct visitor *visitor)
{
    size_t left = visitor->size - visitor->sent;
    return stream_write(&visitor->its.stream, visitor->reply + visitor->sent,
                        left < PIECE_BYTES ? left : PIECE_BYTES);
}

static int visitor_step(struct task *task)
{
    struct visitor *const self = container_of(task, struct visitor, its.task);

    TASK_BEGIN();
    do {
        TASK_AWAIT(self->rc, http_next(task, &self->request, &self->its.stream));
        if (self->rc <= 0)
            TASK_RETURN(self->rc);
        compose(self);
        for (self->sent = 0; self->sent < self->size; self->sent += PIECE_BYTES) {
            self->rc = say_piece(self);
            if (self->rc == 0)
                TASK_AWAIT(self->rc, task_sleep(task, 0)); /* until the next turn */
            if (self->rc < 0)
                TASK_RETURN(self->rc);
        }
    } while (self->whole);
    TASK_END();
}

int site_open(struct fanout *fanout, char url[SITE_URL_BYTES])
{
    char address[SYS_ADDRESS_TEXT];
    for (int i = 0; i < 2; i++) {
        sites[i] =
            (struct service){.step = visitor_step, .connection_bytes = sizeof(struct visitor)};
        int rc = service_open(&sites[i], fanout, "127.0.0.1", 0);
        if (rc < 0)
            return rc;
    }
    sys_address_format(&sites[0].listener.address, address);
    (void)snprintf(url, SITE_URL_BYTES, "http://%s/", address);
    sys_address_format(&sites[1].listener.address, address);
    (void)snprintf(abroad, sizeof(abroad), "<a href=\"http://%s\">Another site</a>", address);
    return 0;
}

void site_start(struct task_group *group)
{
    for (int i = 0; i < 2; i++)
        (void)task_group_spawn(group, &sites[i].task, "site", service_step); /* it is new */
}
