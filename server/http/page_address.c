/* page_address.c: /checkip and its like: the address that a client has for us. Old clients look for it in HTML, with
 * the words that the first such service used; new ones want the bare address. */
#include "server/http/route.h"

#include <stdio.h>
#include <string.h>

void page_address(struct call *c)
{
	char address[ADDR_TEXT_MAX], text[ADDR_TEXT_MAX + 128];
	addr_ip_to_text(&c->client, address);
	bool html = strcmp(c->form.path, "/checkip") == 0;
	if (html)
		snprintf(text, sizeof text,
			 "<html><head><title>Current IP Check</title></head><body>Current IP Address: "
			 "%s</body></html>\r\n",
			 address);
	else
		snprintf(text, sizeof text, "%s\n", address);
	call_answer(c, 200, html ? "text/html" : "text/plain", text);
}
