// Light, dark, or what the system says. No module: it runs before the first paint, so that nothing flashes.
(() => {
  const CHOICES = ["system", "light", "dark"];
  const root = document.documentElement;

  const chosen = () => {
    try {
      const kept = localStorage.getItem("theme");
      return CHOICES.includes(kept) ? kept : "system";
    } catch {
      return "system"; // storage may be switched off
    }
  };

  const apply = (choice) => {
    root.dataset.theme = choice;
    const button = document.getElementById("theme");
    if (!button) return;
    const next = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
    button.textContent = `Theme: ${choice}`;
    button.title = `Change to ${next}`;
  };

  const change = () => {
    const next = CHOICES[(CHOICES.indexOf(root.dataset.theme) + 1) % CHOICES.length];
    try {
      localStorage.setItem("theme", next);
    } catch {
      // then it holds for this page only
    }
    apply(next);
  };

  apply(chosen());
  document.addEventListener("DOMContentLoaded", () => {
    apply(chosen());
    document.getElementById("theme").addEventListener("click", change);
  });
})();
