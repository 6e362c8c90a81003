// Preloaded into the service by npm run dev: it stops when its parent is gone, in whatever way the parent went.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
process.channel?.unref()
