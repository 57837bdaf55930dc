// Follows a job to its end: events while the stream stands, a look every second when it does not.

import {events, getJson} from "./api.js";
import {pause} from "./dom.js";

export const isFinal = (job) => !["queued", "in_progress"].includes(job.status);

// `seen(job, preview)` is called for every piece of news; the finished job is returned. A preview is
// the clip as it forms, its frames side by side: an image as a data URL.
export async function follow(id, seen, signal) {
  for (let failures = 0;;) {
    try {
      for await (const {data} of events(`/v1/jobs/${id}/events`, signal)) {
        failures = 0;
        const news = JSON.parse(data);
        seen(news, news.image && `data:${news.media_type};base64,${news.image}`);
        if (isFinal(news)) return news.job ?? await getJson(`/v1/videos/${id}`, {signal});
      }
    } catch (error) {
      if (signal.aborted || (error.status >= 400 && error.status < 500)) throw error;
    }
    // The stream ended without the end of the job: a restart, a proxy, a sleeping laptop.
    if (++failures > 60) throw new Error("The connection to the server is lost.");
    await pause(1000, signal);
    try {
      const job = await getJson(`/v1/videos/${id}`, {signal});
      seen(job, null);
      if (isFinal(job)) return job;
    } catch (error) {
      if (signal.aborted || (error.status >= 400 && error.status < 500)) throw error;
    }
  }
}
