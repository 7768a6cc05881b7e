"use strict";

// No validator: it would send the description's address to a server elsewhere.
SwaggerUIBundle({
  domNode: document.getElementById("api"),
  url: document.getElementById("api").dataset.description,
  validatorUrl: null,
  deepLinking: false,
});
