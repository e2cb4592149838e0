/** Loaded before the program by `--import`: who gets SIGUSR2 never comes back to its event loop. */
process.on('SIGUSR2', () => {
  for (;;);
});
