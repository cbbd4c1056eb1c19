/*
 * lifecycle.h: all of the library.
 */
#ifndef LIFECYCLE_H
#define LIFECYCLE_H

#include <lifecycle/api.h>
#include <lifecycle/behavior.h>
#include <lifecycle/channel.h>
#include <lifecycle/component.h>
#include <lifecycle/context.h>
#include <lifecycle/error.h>
#include <lifecycle/executor.h>
#include <lifecycle/handle.h>
#include <lifecycle/io.h>
#include <lifecycle/isolate.h>
#include <lifecycle/log.h>
#include <lifecycle/manager.h>
#include <lifecycle/observe.h>
#include <lifecycle/options.h>
#include <lifecycle/port.h>
#include <lifecycle/random.h>
#include <lifecycle/restart.h>
#include <lifecycle/run.h>
#include <lifecycle/service.h>
#include <lifecycle/simulate.h>
#include <lifecycle/supervisor.h>
#include <lifecycle/task_group.h>
#include <lifecycle/time.h>
#include <lifecycle/tree.h>
#include <lifecycle/wait.h>
#include <lifecycle/watch.h>
#include <lifecycle/worker.h>

#endif
