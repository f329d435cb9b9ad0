CREATE DATABASE prefect OWNER creditnet;
