/*
 * site: two small web sites, with what goes wrong in large ones.
 *
 * What crawler.c crawls where it is given nothing else. Each is a service on a
 * free port of this machine that says its replies eight bytes a turn, so that
 * none of them comes in one piece; the pages are in a table in site.c.
 */
#ifndef REACTOR_EXAMPLES_SITE_H
#define REACTOR_EXAMPLES_SITE_H

#include "reactor/reactor.h"

/* Room for the URL of a site. */
#define SITE_URL_BYTES (sizeof("http:///") + SYS_ADDRESS_TEXT)

/* Begins to listen, and writes where the first of them begins. Returns 0, or -errno: the program
 * can only end then. */
int site_open(struct fanout *fanout, char url[SITE_URL_BYTES]);

/* Serves both until the group is cancelled. */
void site_start(struct task_group *group);

#endif
