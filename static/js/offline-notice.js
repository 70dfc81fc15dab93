// Says while the network is gone that it is, and that photos go on by themselves afterwards.
//
//   <p data-offline role="status" hidden>You are offline. …</p>

export function noticeOffline(notice) {
  const update = () => {
    const text = navigator.onLine ? "" : notice.dataset.offline;
    notice.hidden = !text;
    if (notice.textContent !== text) notice.textContent = text;
  };
  window.addEventListener("online", update);
  window.addEventListener("offline", update);
  update();
}
