document.querySelector("rostra-discussion").token = new URLSearchParams(location.search).get("token");
