// Before the first paint: the theme this browser was told to use, else the system's.
(function () {
  var theme = null;
  try {
    theme = localStorage.getItem('picloud.theme');
  } catch (error) {
    // No storage: the system's theme.
  }
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
})();
