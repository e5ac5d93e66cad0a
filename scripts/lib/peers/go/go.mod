module gather

go 1.25
