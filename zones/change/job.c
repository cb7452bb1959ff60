/* job.c: making and freeing jobs. */
#include "zones/change/job.h"

#include <stdlib.h>

#include "zones/change/deltas.h"
#include "zones/file/zonefile.h"

struct job *job_new(enum job_kind kind)
{
	struct job *job = calloc(1, sizeof(*job));
	if (job)
		job->kind = kind;
	return job;
}

void job_free(struct job *job)
{
	if (!job)
		return;
	update_free(job->update);
	zonefile_image_free(job->image);
	deltas_free(job->deltas);
	free(job);
}
