package publish

// CountBy makes a publication count what a server accepts, as one of [To] does.
func (p *Publication) CountBy(server *HTTP) { p.server = server }
