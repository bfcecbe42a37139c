package web

const MaxOfClient = maxOfClient
