/* zonefile_image.h: what zonefile.c alone needs of an image, so that a fault found at the end can still name its
 * line. */
#ifndef ROOST_ZONES_ZONEFILE_IMAGE_H
#define ROOST_ZONES_ZONEFILE_IMAGE_H

#include "zones/file/zonefile.h"

/* Records added from now on come from that line of the file; 0 = from no file. */
void zonefile_image_set_line(struct zone_image *img, uint32_t line);

/* The line that made zonefile_image_finish fail, or 0 when no single one did. */
uint32_t zonefile_image_fault_line(const struct zone_image *img);

#endif
